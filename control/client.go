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
	path    string
	http    http.Client
	endless http.Client // for replies without end
	limit   int64       // on the bytes of any other
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
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, ResponseHeaderTimeout: clientWait}
	return &Client{
		path: path, limit: replyBytes,
		http: http.Client{Transport: transport, Timeout: clientWait}, endless: http.Client{Transport: transport},
	}, nil
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
	response, err := c.send(ctx, &c.http, method, path, body)
	if err != nil {
		return err
	}
	return c.receive(response, out)
}

// send makes a request.
func (c *Client) send(ctx context.Context, by *http.Client, method, path string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://sgate"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := by.Do(request)
	if err != nil {
		return nil, c.unanswered(err)
	}
	return response, nil
}

// receive reads the answer to a request.
func (c *Client) receive(response *http.Response, out any) error {
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
