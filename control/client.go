package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sys/unix"
)

// clientWait is how long a gateway gets to answer. replyBytes bounds what it
// answers: the counters of 10,000 interfaces take a few MB.
const (
	clientWait = time.Minute
	replyBytes = 128 << 20
)

// Client asks a gateway. Several goroutines may use one. It keeps no connection
// open between requests.
type Client struct {
	path  string
	http  *http.Client
	limit int64 // on the bytes of a reply
}

// NewClient returns a client of the gateway whose socket is at path. Whether
// one listens there, the first request tells.
func NewClient(path string) (*Client, error) {
	path, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, limit: replyBytes, http: &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		Timeout:   clientWait,
	}}, nil
}

// get asks for something. Query and out are what the endpoint takes and gives.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, out)
}

// post tells the gateway to do something.
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, body, out)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://sgate"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, c.limit+1))
	if err != nil {
		return c.unanswered(err)
	}
	if int64(len(data)) > c.limit {
		return fmt.Errorf("control socket %s: the answer has more than %d bytes", c.path, c.limit)
	}
	return c.read(response, data, out)
}

// read takes an answer apart: the reply, or the server's error.
func (c *Client) read(response *http.Response, data []byte, out any) error {
	if response.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(data, &f) == nil && f.Error != "" {
			return &Error{response.StatusCode, f.Error}
		}
		return fmt.Errorf("control socket %s: it answers %q: is it a gateway's?", c.path, response.Status)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("control socket %s: the answer cannot be read: %w", c.path, err)
	}
	return nil
}

// unanswered says why a request has no answer.
func (c *Client) unanswered(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("control socket %s: no gateway listens there", c.path)
	}
	var u *url.Error
	if errors.As(err, &u) && !u.Timeout() {
		err = cause(u.Err)
	}
	return fmt.Errorf("control socket %s: %w", c.path, hint(err))
}
