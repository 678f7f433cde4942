package ec2

import (
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
)

// Filter is part of the requests that describe resources.
type Filter struct {
	Name   string   `query:"Name"`
	Values []string `query:"Value"`
}

// filtered is part of requests that take filters.
type filtered struct {
	Filters []Filter `query:"Filter"`
}

// maxFilterValues is how many values a request's filters may have together.
const maxFilterValues = 200

// maxFilterValue is more than any value that a filter is compared with has, in
// bytes. Each is compared with up to all the rules that there are.
const maxFilterValue = 1024

// filters tells, for each name of a filter, the values that a resource has. A
// resource passes a filter if one of its values matches one of the filter's.
type filters[T any] map[string]func(*call, *T) []string

// nothing is what is compared where resources have no such value.
func nothing[T any](*call, *T) []string { return nil }

// without adds filters, named in a text, about what no resource here has. AWS has
// them, and none of what is here passes them.
func (f filters[T]) without(names string) filters[T] {
	for name := range strings.FieldsSeq(names) {
		f[name] = nothing[T]
	}
	return f
}

// selected returns the items that pass all the filters of a request. idOf gives
// the id by which an item's tags are found; it is nil for what has none.
func selected[T any](c *call, items []T, given []Filter, known filters[T], idOf func(*T) string) ([]T, error) {
	if err := checkFilters(given, known, idOf != nil); err != nil {
		return nil, err
	}
	if len(given) == 0 {
		return slices.Clone(items), nil
	}
	var out []T
	for i := range items {
		if passes(c, &items[i], given, known, idOf) {
			out = append(out, items[i])
		}
	}
	return out, nil
}

func checkFilters[T any](given []Filter, known filters[T], tagged bool) error {
	values := 0
	for _, f := range given {
		values += len(f.Values)
		_, is := known[f.Name]
		if tagged {
			is = is || f.Name == "tag-key" || f.Name == "tag-value" || strings.HasPrefix(f.Name, "tag:")
		}
		switch {
		case f.Name == "":
			return missing("Filter.Name")
		case !is:
			return invalid("The filter '%s' is invalid", f.Name)
		case len(f.Values) == 0:
			return missing("Filter.Value")
		case slices.ContainsFunc(f.Values, func(value string) bool { return len(value) > maxFilterValue }):
			return invalid("The filter '%s' has a value of more than %d bytes", f.Name, maxFilterValue)
		}
	}
	if values > maxFilterValues {
		return query.Errorf("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues)
	}
	return nil
}

func passes[T any](c *call, item *T, given []Filter, known filters[T], idOf func(*T) string) bool {
	for _, f := range given {
		var has []string
		if of, is := known[f.Name]; is {
			has = of(c, item)
		} else {
			has = c.tagValues(f.Name, idOf(item))
		}
		if !slices.ContainsFunc(has, func(value string) bool { return matchesAny(f.Values, value) }) {
			return false
		}
	}
	return true
}

func matchesAny(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, value) })
}

// matches reports whether a value is what a filter's value stands for: * is any
// characters, ? is one, and a backslash takes the next as it is. Letter case
// counts.
func matches(pattern, value string) bool {
	p, v := []rune(pattern), []rune(value)
	star, mark := -1, 0 // the last * seen, and where its match ends so far
	i, j := 0, 0
	for j < len(v) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
			continue
		case i < len(p) && p[i] == '?':
			i, j = i+1, j+1
			continue
		case i+1 < len(p) && p[i] == '\\' && p[i+1] == v[j]:
			i, j = i+2, j+1
			continue
		case i < len(p) && p[i] != '\\' && p[i] == v[j]:
			i, j = i+1, j+1
			continue
		case star >= 0:
			mark++
			i, j = star+1, mark
			continue
		}
		return false
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
