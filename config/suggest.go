package config

import (
	"cmp"
	"slices"
	"strings"
)

// suggest returns what a person who wrote got may have meant, quoted and ready
// for a message, or "" if nothing known is near.
func suggest(got string, known []string) string {
	low := strings.ToLower(strings.TrimSpace(got))
	if low == "" || len(low) > 100 {
		return ""
	}
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for _, name := range known {
		lowName := strings.ToLower(name)
		far := distance(low, lowName)
		switch {
		case len(low) >= 3 && strings.HasPrefix(lowName, low):
			near = append(near, candidate{name, 1})
		case far <= max(1, min(len(low), len(lowName))/3):
			near = append(near, candidate{name, far})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, c := range near {
		if c.far == near[0].far && len(names) < 3 {
			names = append(names, quote(c.name))
		}
	}
	return strings.Join(names, " or ")
}

// hint ends a message about an unknown name: with the near ones, else with all.
func hint(got string, known []string) string {
	if near := suggest(got, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 {
		return "there are none"
	}
	const most = 40
	if len(known) > most {
		known = append(slices.Clone(known[:most]), "...")
	}
	return "known are " + strings.Join(known, ", ")
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			differ := 1
			if a[i] == b[j] {
				differ = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+differ)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
