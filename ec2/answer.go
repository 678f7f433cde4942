package ec2

import (
	"net/http"
	"net/url"

	"github.com/sgate/sgate/ec2/query"
)

// version is that of the API that is spoken.
const version = "2016-11-15"

// answer performs the action that a form names and returns the HTTP status and
// the document to answer with.
func (e *Endpoint) answer(by *caller, form url.Values, requestID string) (status int, document []byte) {
	name := form.Get("Action")
	document, err := e.perform(by, form, query.Begin(by.room[:0], name, requestID))
	if err == nil {
		return http.StatusOK, query.End(document, name)
	}
	fault, expected := refusal(err)
	if !expected {
		e.options.Log.Error("an EC2 request failed", "action", name, "request_id", requestID, "error", err)
	}
	return fault.HTTPStatus(), fault.Document(requestID)
}

// perform runs the action of a form and appends its answer to the document. DryRun
// is taken out of the form: it is the same for all.
func (e *Endpoint) perform(by *caller, form url.Values, document []byte) ([]byte, error) {
	name := form.Get("Action")
	switch {
	case name == "":
		return nil, missing("Action")
	case form.Get("Version") == "":
		return nil, missing("Version")
	}
	a, is := e.actions[name]
	if !is || form.Get("Version") != version {
		return nil, query.Errorf("InvalidAction", "The action %s is not valid for this web service.", name)
	}
	var common struct {
		DryRun bool `query:"DryRun"`
	}
	if dry, is := form["DryRun"]; is {
		if err := query.Decode(url.Values{"DryRun": dry}, &common); err != nil {
			return nil, err
		}
		delete(form, "DryRun")
	}
	by.dryRun = common.DryRun
	return a.run(e, by, form, document)
}
