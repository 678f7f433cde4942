package ec2

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestFilterContract asks every action for every filter that the documentation in
// botocore's model lists for it. What no resource has here passes nothing, and is
// no filter that is unknown.
func TestFilterContract(t *testing.T) {
	var actions []string
	for _, a := range allActions() {
		actions = append(actions, a.name)
	}
	w := newWorld(t, machinesFile)
	w.run()
	for _, python := range pythons(t) {
		var result struct{ Filters map[string][]string }
		python.run(t, "filters", actions, &result)
		asked := 0
		for _, action := range slices.Sorted(maps.Keys(result.Filters)) {
			for _, name := range result.Filters[action] {
				w.knowsFilter(action, name)
				asked++
			}
		}
		if asked < 300 {
			t.Errorf("botocore %s documents %d filters alone: is its model without documentation?", python.version, asked)
		}
	}
}

// knowsFilter asks an action for what passes a filter.
func (w *world) knowsFilter(action, name string) {
	w.t.Helper()
	value := "x"
	if action == "DescribeSecurityGroupRules" && name == "group-id" {
		value = "sg-" + nobody // it has to be an id
	}
	params := filtering(name, value)
	if action == "GetSecurityGroupsForVpc" {
		params = append(params, "VpcId", mainVPC)
	}
	if status, answer := w.try(action, params...); status != 200 {
		w.t.Errorf("%s: the filter %s: %s", action, name, strings.TrimSpace(answer.get("Errors.Error.Message")))
	}
}

// TestFiltersOnInstances holds filters that DescribeNetworkInterfaces has not.
func TestFiltersOnInstances(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.run("PrivateIpAddress", "10.0.1.60", "Ipv6Address.1.Ipv6Address", "fd00:10:0:1::60")
	all := []string{declaredInstance, closedInstance, id}
	for _, x := range []struct {
		name, value string
		want        []string
	}{
		{"network-interface.addresses.private-dns-name", "ip-10-0-1-60.ec2.internal", []string{id}},
		{"network-interface.addresses.private-ip-address", "10.0.1.6?", []string{id}},
		{"network-interface.addresses.primary", "true", all},
		{"network-interface.addresses.primary", "false", nil},
		{"network-interface.attachment.network-card-index", "0", all},
		{"network-interface.deny-all-igw-traffic", "false", all},
		{"network-interface.ipv6-address", "fd00:10:0:1::60", []string{id}},
		{"network-interface.ipv6-native", "true", nil},
		{"network-interface.operator.managed", "false", all},
		{"operator.managed", "false", all},
		{"metadata-options.http-tokens", "*", nil},
	} {
		got := w.do("DescribeInstances", filtering(x.name, x.value)...).texts("reservationSet.item.instancesSet.item.instanceId")
		slices.Sort(got)
		slices.Sort(x.want)
		if !slices.Equal(got, x.want) {
			t.Errorf("%s %s: %q, want %q", x.name, x.value, got, x.want)
		}
	}
}
