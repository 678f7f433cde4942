package ec2

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"net/http"
	"net/url"

	"github.com/sgate/sgate/ec2/query"
)

// stsVersion is the version of the API of STS, by which its requests are known.
const stsVersion = "2011-06-15"

// callerIdentity is the answer to GetCallerIdentity. STS speaks the Query
// protocol, in which an answer has a result and metadata, and errors are unlike
// EC2's.
type callerIdentity struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

// stsFault is the document of an error.
type stsFault struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"` // whose fault it is: "Sender" or "Receiver"
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// answerSTS performs an action of STS, as answer does of EC2. There is one that
// clients ask for: who they are.
func (e *Endpoint) answerSTS(by *caller, form url.Values, requestID string) (int, []byte) {
	if action := form.Get("Action"); action != "GetCallerIdentity" {
		fault := query.Errorf("InvalidAction", "Could not find operation %s for version %s", action, stsVersion)
		return fault.HTTPStatus(), stsError(fault, requestID)
	}
	var none struct{}
	if err := query.Decode(form, &none); err != nil {
		fault, _ := refusal(err)
		return fault.HTTPStatus(), stsError(fault, requestID)
	}
	return http.StatusOK, stsDocument(e.identity(by, requestID))
}

// identity tells who calls: the user whose key has signed the request, or the
// account itself where requests need no signature.
func (e *Endpoint) identity(by *caller, requestID string) callerIdentity {
	account := e.owner()
	if by.user == "" {
		return callerIdentity{ARN: "arn:aws:iam::" + account + ":root", UserID: account, Account: account, RequestID: requestID}
	}
	return callerIdentity{
		ARN: "arn:aws:iam::" + account + ":user/" + by.user, UserID: userID(account, by.user), Account: account, RequestID: requestID,
	}
}

// userID returns the unique id of a user, in IAM's form: AIDA and 17 letters and
// digits. It is a function of the user alone, so that it is the same each time.
func userID(account, user string) string {
	sum := sha256.Sum256([]byte(account + "/" + user))
	return "AIDA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// stsError renders a refusal as STS does.
func stsError(fault *query.Error, requestID string) []byte {
	kind := "Sender"
	if fault.HTTPStatus() >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	return stsDocument(stsFault{Type: kind, Code: fault.Code, Message: fault.Message, RequestID: requestID})
}

func stsDocument(content any) []byte {
	document, _ := xml.Marshal(content) // strings alone: it does not fail
	return append([]byte(xml.Header), append(document, '\n')...)
}
