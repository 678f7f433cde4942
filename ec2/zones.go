package ec2

import (
	"slices"
	"strconv"
	"strings"
)

// zone is an Availability Zone.
type zone struct {
	Name string // such as "us-east-1a"
	ID   string // such as "use1-az1"
}

// zoneCount is how many zones there are at least: a, b and c.
const zoneCount = 3

// zones returns the Availability Zones by name: the first three, and those in
// which there are subnets.
func (c *call) zones() []zone {
	region := c.options.Place().Region
	var letters []byte
	for i := range zoneCount {
		letters = append(letters, 'a'+byte(i))
	}
	for _, n := range c.Subnets.All() {
		letter, is := strings.CutPrefix(n.AvailabilityZone, region)
		if is && len(letter) == 1 && !slices.Contains(letters, letter[0]) {
			letters = append(letters, letter[0])
		}
	}
	slices.Sort(letters)
	out := make([]zone, len(letters))
	for i, letter := range letters {
		out[i] = c.zoneNamed(region + string(letter))
	}
	return out
}

// zoneNamed returns the zone with that name; "" means the first one. Zone a has
// the id that the place has, and the others have the other numbers in turn.
func (c *call) zoneNamed(name string) zone {
	at := c.options.Place()
	if name == "" {
		name = at.Region + "a"
	}
	base := strings.TrimRight(at.ZoneID, "0123456789")
	first, _ := strconv.Atoi(at.ZoneID[len(base):])
	number := int(name[len(name)-1] - 'a')
	switch {
	case number == 0:
		number = first
	case number >= first:
		number++
	}
	return zone{name, base + strconv.Itoa(number)}
}

// zoneOf returns the zone that a request asks for by name or by id; the first one
// if it asks for none.
func (c *call) zoneOf(name, id string) (zone, error) {
	all := c.zones()
	var names, ids []string
	for _, z := range all {
		names, ids = append(names, z.Name), append(ids, z.ID)
	}
	const only = "Value (%s) for parameter %s is invalid. Subnets can currently only be created in the following availability zones: %s."
	switch {
	case name != "" && id != "":
		return zone{}, combination("Either AvailabilityZone or AvailabilityZoneId must be specified, but not both.")
	case name != "":
		if i := slices.Index(names, name); i >= 0 {
			return all[i], nil
		}
		return zone{}, invalid(only, name, "availabilityZone", strings.Join(names, ", "))
	case id != "":
		if i := slices.Index(ids, id); i >= 0 {
			return all[i], nil
		}
		return zone{}, invalid(only, id, "availabilityZoneId", strings.Join(ids, ", "))
	}
	return all[0], nil
}
