package ec2

import "strconv"

// region is a Region as DescribeRegions tells it.
type region struct {
	Endpoint    string `xml:"regionEndpoint"`
	Name        string `xml:"regionName"`
	OptInStatus string `xml:"optInStatus"`
}

type describeRegionsRequest struct {
	filtered
	Names      []string `query:"RegionName"`
	AllRegions *bool    `query:"AllRegions"`
}

type describeRegionsAnswer struct {
	Regions []region `xml:"regionInfo"`
}

var regionFilters = filters[region]{
	"endpoint":      func(_ *call, r *region) []string { return []string{r.Endpoint} },
	"region-name":   func(_ *call, r *region) []string { return []string{r.Name} },
	"opt-in-status": func(_ *call, r *region) []string { return []string{r.OptInStatus} },
}

// describeRegions tells the one Region that there is.
func (c *call) describeRegions(in *describeRegionsRequest) (*describeRegionsAnswer, error) {
	name := c.options.Place().Region
	all := []region{{"ec2." + name + ".amazonaws.com", name, "opt-in-not-required"}}
	for _, wanted := range in.Names {
		if wanted != name {
			return nil, invalid("Invalid region names provided: %s", wanted)
		}
	}
	regions, err := selected(c, all, in.Filters, regionFilters, nil)
	return &describeRegionsAnswer{regions}, err
}

// availabilityZone is a zone as DescribeAvailabilityZones tells it.
type availabilityZone struct {
	OptInStatus        string        `xml:"optInStatus"`
	Messages           []zoneMessage `xml:"messageSet"`
	RegionName         string        `xml:"regionName"`
	Name               string        `xml:"zoneName"`
	ID                 string        `xml:"zoneId"`
	GroupName          string        `xml:"groupName"`
	NetworkBorderGroup string        `xml:"networkBorderGroup"`
	Type               string        `xml:"zoneType"`
	State              string        `xml:"zoneState"`
}

// zoneMessage is what AWS has to say about a zone that fares ill.
type zoneMessage struct {
	Message string `xml:"message"`
}

type describeZonesRequest struct {
	filtered
	Names    []string `query:"ZoneName"`
	IDs      []string `query:"ZoneId"`
	AllZones *bool    `query:"AllAvailabilityZones"`
}

type describeZonesAnswer struct {
	Zones []availabilityZone `xml:"availabilityZoneInfo"`
}

var zoneFilters = filters[availabilityZone]{
	"group-name":    func(_ *call, z *availabilityZone) []string { return []string{z.GroupName} },
	"opt-in-status": func(_ *call, z *availabilityZone) []string { return []string{z.OptInStatus} },
	"region-name":   func(_ *call, z *availabilityZone) []string { return []string{z.RegionName} },
	"state":         func(_ *call, z *availabilityZone) []string { return []string{z.State} },
	"zone-id":       func(_ *call, z *availabilityZone) []string { return []string{z.ID} },
	"zone-name":     func(_ *call, z *availabilityZone) []string { return []string{z.Name} },
	"zone-type":     func(_ *call, z *availabilityZone) []string { return []string{z.Type} },
}.without("group-long-name message parent-zone-id parent-zoneID parent-zone-name parent-zoneName") // older pages have parent-zoneID

// describeAvailabilityZones tells the zones of the Region.
func (c *call) describeAvailabilityZones(in *describeZonesRequest) (*describeZonesAnswer, error) {
	region := c.options.Place().Region
	var all []availabilityZone
	for _, z := range c.zones() {
		all = append(all, availabilityZone{
			OptInStatus: "opt-in-not-required", RegionName: region, Name: z.Name, ID: z.ID, GroupName: region + "-zg-1",
			NetworkBorderGroup: region, Type: "availability-zone", State: "available",
		})
	}
	all, err := named(all, in.Names, func(z *availabilityZone) string { return z.Name }, func(name string) error {
		return invalid("Invalid availability zone: [%s]", name)
	})
	if err != nil {
		return nil, err
	}
	all, err = named(all, in.IDs, func(z *availabilityZone) string { return z.ID }, func(id string) error {
		return invalid("Invalid availability zone-id: [%s]", id)
	})
	if err != nil {
		return nil, err
	}
	all, err = selected(c, all, in.Filters, zoneFilters, nil)
	return &describeZonesAnswer{all}, err
}

// accountAttribute is an attribute of the account.
type accountAttribute struct {
	Name   string                  `xml:"attributeName"`
	Values []accountAttributeValue `xml:"attributeValueSet"`
}

type accountAttributeValue struct {
	Value string `xml:"attributeValue"`
}

type describeAccountRequest struct {
	Names []string `query:"AttributeName"`
}

type describeAccountAnswer struct {
	Attributes []accountAttribute `xml:"accountAttributeSet"`
}

// describeAccountAttributes tells the quotas that the account has. Those about
// what there is not here, Elastic IP addresses, are a new account's in AWS; so is
// max-instances, of which AWS says that it means nothing any more.
func (c *call) describeAccountAttributes(in *describeAccountRequest) (*describeAccountAnswer, error) {
	defaultVPC := "none"
	if v, is := c.defaultVPC(); is {
		defaultVPC = v.ID
	}
	var all []accountAttribute
	for _, a := range [][2]string{
		{"supported-platforms", "VPC"},
		{"default-vpc", defaultVPC},
		{"max-instances", "20"},
		{"vpc-max-security-groups-per-interface", strconv.Itoa(c.Quotas().GroupsPerInterface)},
		{"max-elastic-ips", "5"},
		{"vpc-max-elastic-ips", "5"},
	} {
		all = append(all, accountAttribute{a[0], []accountAttributeValue{{a[1]}}})
	}
	all, err := named(all, in.Names, func(a *accountAttribute) string { return a.Name }, func(name string) error {
		return invalid("Value (%s) for parameter attributeName is invalid. Unknown attribute.", name)
	})
	return &describeAccountAnswer{all}, err
}

func accountActions() []action {
	return []action{
		read("DescribeRegions", (*call).describeRegions),
		read("DescribeAvailabilityZones", (*call).describeAvailabilityZones),
		read("DescribeAccountAttributes", (*call).describeAccountAttributes),
	}
}
