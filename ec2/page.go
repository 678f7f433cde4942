package ec2

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
)

// paged is part of requests whose answers come in pages.
type paged struct {
	MaxResults *int   `query:"MaxResults"`
	NextToken  string `query:"NextToken"`
}

// nextPage is part of answers that come in pages.
type nextPage struct {
	NextToken string `xml:"nextToken,omitempty"`
}

// pageSizes are what MaxResults may be.
type pageSizes struct{ least, most int }

// ordinaryPages are those of most actions.
var ordinaryPages = pageSizes{5, 1000}

// check refuses a MaxResults as AWS does, which says "greater" where it means "not
// less".
func (s pageSizes) check(n int) error {
	switch {
	case n < s.least:
		return invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", n, s.least)
	case n > s.most:
		return invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value less than or equal to %d.", n, s.most)
	}
	return nil
}

// page returns a page of items, all of them if the request has no MaxResults and no
// token, and the token of the page after it. Items of a page are in the order of
// their keys, so that the next page goes on behind the last one's, whatever has
// come or gone since.
func page[T any](items []T, in paged, sizes pageSizes, key func(*T) string) ([]T, nextPage, error) {
	most := sizes.most
	if in.MaxResults != nil {
		most = *in.MaxResults
		if err := sizes.check(most); err != nil {
			return nil, nextPage{}, err
		}
	} else if in.NextToken == "" {
		return items, nextPage{}, nil
	}
	rest, err := after(items, in.NextToken, key)
	if err != nil {
		return nil, nextPage{}, err
	}
	var next nextPage
	if len(rest) > most {
		rest = rest[:most]
		next.NextToken = writeToken(rest[most-1].key)
	}
	out := make([]T, len(rest))
	for i := range rest {
		out[i] = items[rest[i].at]
	}
	return out, next, nil
}

// place is where an item with a key is in a list.
type place struct {
	key string
	at  int
}

// after returns the places of the items behind a token, all of them if it is "",
// in the order of their keys.
func after[T any](items []T, token string, key func(*T) string) ([]place, error) {
	var last string
	if token != "" {
		var err error
		if last, err = readToken(token); err != nil {
			return nil, err
		}
	}
	rest := make([]place, 0, len(items))
	for i := range items {
		if k := key(&items[i]); token == "" || k > last {
			rest = append(rest, place{k, i})
		}
	}
	slices.SortFunc(rest, func(a, b place) int { return cmp.Compare(a.key, b.key) })
	return rest, nil
}

// tokenMark makes tokens of ours known from any other text.
const tokenMark = "after:"

func writeToken(last string) string {
	return base64.StdEncoding.EncodeToString([]byte(tokenMark + last))
}

func readToken(token string) (last string, err error) {
	raw, err := base64.StdEncoding.DecodeString(token)
	last, is := strings.CutPrefix(string(raw), tokenMark)
	if err != nil || !is {
		return "", query.Errorf("InvalidNextToken", "The token '%s' is invalid", token)
	}
	return last, nil
}
