package ec2

import (
	"context"
	"net/url"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/store"
)

// action is one action of the API.
type action struct {
	name    string
	reads   bool       // it only looks
	request func() any // a pointer to a new request, for the tests of its shape
	answer  func() any
	// run answers a form: the answer's fields are appended to the document.
	run func(e *Endpoint, by *caller, form url.Values, document []byte) ([]byte, error)
}

// caller is who has sent a request, and how it is to be treated.
type caller struct {
	ctx    context.Context
	user   string // the name of the key, "" without credentials
	dryRun bool
	room   []byte // for the answer's document, if it is not too small
}

// call is a request that is being answered: what is read and changed, and whose
// word it is.
type call struct {
	*store.Draft
	*Endpoint
	*caller
}

// read returns an action that only looks.
func read[In, Out any](name string, f func(*call, *In) (*Out, error)) action {
	run := func(e *Endpoint, by *caller, form url.Values, document []byte) ([]byte, error) {
		in := new(In)
		if err := query.Decode(form, in); err != nil {
			return nil, err
		}
		out, err := f(&call{e.options.Store.Read(), e, by}, in)
		if err != nil {
			return nil, err
		}
		if by.dryRun {
			return nil, store.ErrDryRun
		}
		return query.Append(document, out), nil
	}
	return action{name, true, func() any { return new(In) }, func() any { return new(Out) }, run}
}

// write returns an action that changes resources: its draft is put in force and
// stored once f has returned, or nothing of it.
func write[In, Out any](name string, f func(*call, *In) (*Out, error)) action {
	run := func(e *Endpoint, by *caller, form url.Values, document []byte) ([]byte, error) {
		in := new(In)
		if err := query.Decode(form, in); err != nil {
			return nil, err
		}
		err := e.options.Store.Change(by.ctx, func(d *store.Draft) error {
			d.DryRun = by.dryRun
			c := &call{d, e, by}
			token, err := c.token(name, form)
			if err != nil || token.Answer != nil {
				document = append(document, token.Answer...)
				return err
			}
			out, err := f(c, in)
			if err != nil {
				return err
			}
			if err := c.nameByTags(); err != nil {
				return err
			}
			begun := len(document)
			document = query.Append(document, out)
			return c.remember(token, document[begun:])
		})
		return document, err
	}
	return action{name, false, func() any { return new(In) }, func() any { return new(Out) }, run}
}

// done is the answer of actions that have nothing to tell.
type done struct {
	Return bool `xml:"return"`
}

// ok is that answer.
func ok() (*done, error) { return &done{true}, nil }

// clientToken is part of requests that can be sent again without harm.
type clientToken struct {
	ClientToken string `query:"ClientToken"`
}
