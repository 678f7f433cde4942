package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ConfigBackend writes what is in force.
type ConfigBackend interface {
	// Config returns a configuration file that says what is in force, whether
	// it came from a file or over the EC2 API.
	Config(context.Context) ([]byte, error)
}

const configPath = version + "/config"

// config is the endpoint: GET /v1/config, a file in YAML.
func (s *Server) config(b ConfigBackend) endpoint {
	failed := func(err error) http.Handler {
		return s.reply(func(http.ResponseWriter, *http.Request) (any, error) { return nil, err })
	}
	return endpoint{http.MethodGet, configPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		// Neither fails on a connection of net/http's own server.
		_ = connection.SetReadDeadline(time.Now().Add(s.limits.body))
		text, err := b.Config(r.Context())
		if err != nil {
			failed(err).ServeHTTP(w, r)
			return
		}
		_ = connection.SetWriteDeadline(time.Now().Add(s.limits.reply))
		w.Header().Set("Content-Type", "application/yaml") // RFC 9512
		_, _ = w.Write(text)                               // the client may have left
	})}
}

// Config asks for a configuration file that says what is in force. An error of
// type *Error is its answer.
func (c *Client) Config(ctx context.Context) ([]byte, error) {
	response, err := c.send(ctx, &c.http, http.MethodGet, configPath, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, c.limit+1))
	switch {
	case err != nil:
		return nil, c.unanswered(err)
	case int64(len(data)) > c.limit:
		return nil, fmt.Errorf("control socket %s: the answer has more than %d bytes", c.path, c.limit)
	case response.StatusCode != http.StatusOK:
		return nil, c.read(response, data, nil)
	}
	return data, nil
}
