// Package query is the EC2 Query protocol, version 2016-11-15: a form becomes a
// struct, a struct becomes an XML document, and a refusal the document that AWS
// has for it.
//
// Requests are structs with `query` tags. A field's name on the wire is the
// model's queryName, else its locationName with a capital first letter:
//
//	GroupID string   `query:"GroupId,required"`
//	Filters []Filter `query:"Filter"` // Filter.1.Name=...&Filter.1.Value.1=...
//
// Answers are structs with `xml` tags, in the model's locationName. A slice is a
// list of <item>s inside an element of that name, empty if it is empty.
//
//	Groups []Group `xml:"securityGroupInfo"`
//
// The package imports nothing else of this project.
package query

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
)

// Error is a refusal: AWS's code and message, and the status of the HTTP answer.
type Error struct {
	Code    string // such as "InvalidGroup.NotFound"
	Message string
	Status  int // 400 if it is 0
}

// Errorf returns an error of status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns "code: message".
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// HTTPStatus returns the status of the answer.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Document renders the error as EC2 does. Note that it says RequestID, where an
// answer says requestId.
func (e *Error) Document(requestID string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.WriteString("<Response><Errors><Error>")
	element(&b, "Code", e.Code)
	element(&b, "Message", e.Message)
	b.WriteString("</Error></Errors>")
	element(&b, "RequestID", requestID)
	b.WriteString("</Response>\n")
	return b.Bytes()
}
