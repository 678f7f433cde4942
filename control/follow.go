package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Stream is a reply without end: one value after the other, as they come up.
type Stream[T any] struct {
	body    *inflow
	decoder *json.Decoder
}

// Next waits for the next value. It returns io.EOF after the last one, the
// context's error once that is done, an error for which IsEnding is true if the
// gateway ends, and any other *Error if it gives up.
func (s *Stream[T]) Next() (value T, err error) {
	err = s.decoder.Decode(&value)
	switch {
	case err == nil:
		return value, nil
	case err != s.body.end:
		err = fmt.Errorf("control socket %s: the answer cannot be read: %w", s.body.path, err)
	}
	var none T
	return none, err
}

// HasNext reports whether a part of the next value is there already, so that
// Next will hardly have to wait.
func (s *Stream[T]) HasNext() bool {
	rest := s.decoder.Buffered()
	var b [1]byte
	for {
		if n, err := rest.Read(b[:]); n == 0 || err != nil {
			return false
		}
		if b[0] != '\n' {
			return true
		}
	}
}

// Close ends the stream. Next, if it waits, returns.
func (s *Stream[T]) Close() error { return s.body.Close() }

// follow asks for a stream of values. It returns once the gateway has accepted.
// The stream ends with ctx, too.
func follow[T any](ctx context.Context, c *Client, path string, query url.Values) (*Stream[T], error) {
	body, err := c.stream(ctx, path, query)
	if err != nil {
		return nil, err
	}
	return &Stream[T]{body, json.NewDecoder(body)}, nil
}

// stream asks for bytes without end. The caller closes them.
func (c *Client) stream(ctx context.Context, path string, query url.Values) (*inflow, error) {
	response, err := c.send(ctx, &c.endless, http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return &inflow{ctx: ctx, path: c.path, response: response}, nil
	}
	return nil, c.receive(response, nil)
}

// inflow is the body of a reply without end. Its errors are those of
// Stream.Next.
type inflow struct {
	ctx      context.Context
	path     string // of the socket
	response *http.Response
	end      error // why there is no more to read
}

// Read implements io.Reader.
func (i *inflow) Read(p []byte) (int, error) {
	n, err := i.response.Body.Read(p)
	if err != nil {
		i.end = i.explain(err)
	}
	return n, i.end
}

// Close implements io.Closer.
func (i *inflow) Close() error { return i.response.Body.Close() }

// explain says why there is no more to read.
func (i *inflow) explain(err error) error {
	switch {
	case i.ctx.Err() != nil:
		return i.ctx.Err()
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("control socket %s: the gateway has broken off: %w", i.path, cause(err))
	}
	var f streamFailure
	if last := i.response.Trailer.Get(errorTrailer); last != "" && json.Unmarshal([]byte(last), &f) == nil {
		return &Error{f.Status, f.Error}
	}
	return io.EOF
}
