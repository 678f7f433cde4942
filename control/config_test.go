package control

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	const text = "vpc: {cidr: 10.0.0.0/16}\n"
	answer, failure := text, error(nil)
	s, c := serving(t, fake{config: func(context.Context) ([]byte, error) { return []byte(answer), failure }})
	if got, err := c.Config(context.Background()); string(got) != text || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	failure = &Error{http.StatusServiceUnavailable, "none yet"}
	got, err := c.Config(context.Background())
	if refusal := (*Error)(nil); got != nil || !errors.As(err, &refusal) || *refusal != (Error{http.StatusServiceUnavailable, "none yet"}) {
		t.Errorf("refused: got %q, %v", got, err)
	}
	if status, body := raw(t, s.Path(), "POST", configPath, ""); status != http.StatusMethodNotAllowed || !strings.Contains(body, "want the method GET") {
		t.Errorf("POST: %d %s", status, body)
	}
	answer, failure, c.limit = strings.Repeat("x", 20), nil, 19
	if got, err := c.Config(context.Background()); got != nil || err == nil || !strings.Contains(err.Error(), "more than 19 bytes") {
		t.Errorf("an answer that is too long: got %q, %v", got, err)
	}
}
