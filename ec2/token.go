package ec2

import (
	"crypto/sha256"
	"maps"
	"net/url"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/store"
)

// maxClientToken is the longest client token that AWS takes, in characters.
const maxClientToken = 64

// token returns what is remembered of a call with a client token. It has an
// answer if there was such a call; another one with that token is refused.
func (c *call) token(action string, form url.Values) (store.Token, error) {
	given := form.Get("ClientToken")
	if given == "" || c.dryRun {
		return store.Token{}, nil
	}
	if len(given) > maxClientToken {
		return store.Token{}, query.Errorf("InvalidParameterValue", "Invalid value for clientToken: want at most %d characters", maxClientToken)
	}
	t := store.Token{Key: action + " " + given, Request: digest(form), Time: c.now()}
	before, is := c.Tokens.Get(t.Key)
	switch {
	case !is || c.now().Sub(before.Time) > store.TokenLife:
		return t, nil
	case !slices.Equal(before.Request, t.Request):
		return t, query.Errorf("IdempotentParameterMismatch", "The client token %s has been used before, with other parameters", given)
	}
	return before, nil
}

// remember keeps the answer of a call with a client token, and forgets those that
// are old.
func (c *call) remember(t store.Token, answer []byte) error {
	if t.Key == "" {
		return nil
	}
	for _, old := range c.Tokens.All() {
		if c.now().Sub(old.Time) > store.TokenLife {
			if err := c.Tokens.Delete(old.Key); err != nil {
				return err
			}
		}
	}
	t.Answer = slices.Clone(answer)
	return c.Tokens.Put(t)
}

// digest tells requests apart.
func digest(form url.Values) []byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			h.Write([]byte(url.QueryEscape(name) + "=" + url.QueryEscape(value) + "&"))
		}
	}
	return h.Sum(nil)
}
