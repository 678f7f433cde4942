package ec2

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

func accountActions() []action {
	return []action{
		read("DescribeRegions", (*call).describeRegions),
	}
}
