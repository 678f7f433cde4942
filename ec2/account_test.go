package ec2

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAvailabilityZones(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	all := w.do("DescribeAvailabilityZones")
	if got := all.texts("availabilityZoneInfo.item.zoneName"); !cmp.Equal(got, []string{"us-east-1a", "us-east-1b", "us-east-1c"}) {
		t.Errorf("zones: %q", got)
	}
	if got := all.texts("availabilityZoneInfo.item.zoneId"); !cmp.Equal(got, []string{"use1-az1", "use1-az2", "use1-az3"}) {
		t.Errorf("ids: %q", got)
	}
	first := all.all("availabilityZoneInfo.item")[0]
	for name, want := range map[string]string{
		"zoneState": "available", "regionName": "us-east-1", "groupName": "us-east-1-zg-1", "networkBorderGroup": "us-east-1",
		"zoneType": "availability-zone", "optInStatus": "opt-in-not-required",
	} {
		if got := first.get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	names := func(params ...string) []string {
		return w.do("DescribeAvailabilityZones", params...).texts("availabilityZoneInfo.item.zoneName")
	}
	for filter, want := range map[[2]string]int{
		{"zone-name", "*b"}: 1, {"zone-id", "use1-az?"}: 3, {"state", "available"}: 3, {"state", "impaired"}: 0, {"region-name", "us-east-1"}: 3,
		{"group-name", "us-east-1-zg-1"}: 3, {"opt-in-status", "opted-in"}: 0, {"zone-type", "local-zone"}: 0, {"message", "*"}: 0,
		{"parent-zone-id", "*"}: 0, {"parent-zone-name", "*"}: 0,
	} {
		if got := names("Filter.1.Name", filter[0], "Filter.1.Value.1", filter[1]); len(got) != want {
			t.Errorf("filter %s=%s: %q, want %d", filter[0], filter[1], got, want)
		}
	}
	if got := names("ZoneName.1", "us-east-1b", "AllAvailabilityZones", "true"); !cmp.Equal(got, []string{"us-east-1b"}) {
		t.Errorf("by name: %q", got)
	}
	if got := names("ZoneId.1", "use1-az3"); !cmp.Equal(got, []string{"us-east-1c"}) {
		t.Errorf("by id: %q", got)
	}
	w.refused("InvalidParameterValue", "Invalid availability zone: [us-east-1z]", "DescribeAvailabilityZones", "ZoneName.1", "us-east-1z")
	w.refused("InvalidParameterValue", "Invalid availability zone-id: [use1-az9]", "DescribeAvailabilityZones", "ZoneId.1", "use1-az9")
}

func TestAccountAttributes(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16, default: true}\nquotas: {security_groups_per_interface: 7}\n")
	got := make(map[string]string)
	for _, item := range w.do("DescribeAccountAttributes").all("accountAttributeSet.item") {
		got[item.get("attributeName")] = item.get("attributeValueSet.item.attributeValue")
	}
	want := map[string]string{
		"supported-platforms": "VPC", "default-vpc": w.store.View().VPCs()[0].ID, "max-instances": "20",
		"vpc-max-security-groups-per-interface": "7", "max-elastic-ips": "5", "vpc-max-elastic-ips": "5",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	one := w.do("DescribeAccountAttributes", "AttributeName.1", "default-vpc")
	if got := one.texts("accountAttributeSet.item.attributeName"); !cmp.Equal(got, []string{"default-vpc"}) {
		t.Errorf("by name: %q", got)
	}
	w.refused("InvalidParameterValue", "Value (colour) for parameter attributeName is invalid. Unknown attribute.", "DescribeAccountAttributes", "AttributeName.1", "colour")
	none := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n").do("DescribeAccountAttributes", "AttributeName.1", "default-vpc")
	if got := none.get("accountAttributeSet.item.attributeValueSet.item.attributeValue"); got != "none" {
		t.Errorf("without a default VPC: %q", got)
	}
}
