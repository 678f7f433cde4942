package ec2

// named returns the items with the given ids, all of them without any. An id that
// no item has is refused.
func named[T any](items []T, ids []string, idOf func(*T) string, missing func(id string) error) ([]T, error) {
	if len(ids) == 0 {
		return items, nil
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	var out []T
	for i := range items {
		if id := idOf(&items[i]); wanted[id] {
			out = append(out, items[i])
			wanted[id] = false
		}
	}
	for _, id := range ids {
		if wanted[id] {
			return nil, missing(id)
		}
	}
	return out, nil
}
