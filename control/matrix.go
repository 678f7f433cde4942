package control

import (
	"context"
	"net/http"
)

// MatrixRequest asks who reaches whom, and on which ports.
type MatrixRequest struct {
	VPC  string   `json:"vpc,omitempty"`  // name or id; "" stands for all
	From []string `json:"from,omitempty"` // names or ids of instances and hosts; none stands for all
	To   []string `json:"to,omitempty"`
	// Protocol and, for TCP and UDP, Port ask about one kind of packet only.
	Protocol string `json:"protocol,omitempty"`
	Port     uint16 `json:"port,omitempty"`
	ICMPType *uint8 `json:"icmp_type,omitempty"` // nil is echo request
	ICMPCode uint8  `json:"icmp_code,omitempty"`
}

// MaxMatrixPairs bounds what a MatrixRequest may ask for: senders times
// receivers, in each VPC.
const MaxMatrixPairs = 10_000

// MatrixReply says who reaches whom, of those who were asked for. It is about
// packets that open a flow; flows that are live may know better.
type MatrixReply struct {
	Generation uint64 `json:"generation"` // of the policy
	// Question is the one kind of packet that was asked about: "tcp 3306"; ""
	// for all kinds.
	Question string       `json:"question,omitempty"`
	From     []MatrixEnd  `json:"from"`
	To       []MatrixEnd  `json:"to"`
	Pairs    []MatrixPair `json:"pairs"` // by From, then To, then IPv4 before IPv6
}

// MatrixEnd is an instance or a host.
type MatrixEnd struct {
	Name string `json:"name"`
	ID   string `json:"id"` // of its network interface, or the host's
	VPC  string `json:"vpc"`
}

// MatrixPair is what passes from one machine to another in one family.
type MatrixPair struct {
	From   string `json:"from"` // names
	To     string `json:"to"`
	IPv6   bool   `json:"ipv6"`
	Source string `json:"source"` // the addresses that stand for both
	Dest   string `json:"destination"`
	// Services are what passes; none where nothing does.
	Services []MatrixService `json:"services"`
	// Verdict and Reason are the answer where one kind of packet was asked
	// about.
	Verdict string `json:"verdict,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// OtherProtocols is the Protocol of a MatrixService that is of all but TCP, UDP
// and ICMP.
const OtherProtocols = "other"

// MatrixService is a protocol of which something passes.
type MatrixService struct {
	// Protocol is as in rules: "-1" is every protocol and port. "other" is
	// every one but TCP, UDP and the family's ICMP.
	Protocol string `json:"protocol"`
	// Ports are those of TCP and UDP that pass, as ranges in order; none
	// stands for all.
	Ports []PortRange `json:"ports,omitempty"`
	// Types are those of ICMP that pass; none stands for all.
	Types []ICMPTypes `json:"icmp_types,omitempty"`
	// Except is what of it does not pass: "icmp type 8", "protocol 47".
	Except []string `json:"except,omitempty"`
	// NoReply says that a network ACL drops the replies.
	NoReply bool `json:"no_reply,omitempty"`
}

// PortRange is a range of ports, both ends included.
type PortRange struct {
	First uint16 `json:"first"`
	Last  uint16 `json:"last"`
}

// ICMPTypes is a type of ICMP and a code, or all codes.
type ICMPTypes struct {
	Type uint8  `json:"type"`
	Code *uint8 `json:"code,omitempty"` // nil is all
}

// MatrixBackend says who reaches whom.
type MatrixBackend interface {
	Matrix(context.Context, MatrixRequest) (MatrixReply, error)
}

const matrixPath = version + "/matrix"

// matrix is the endpoint: POST /v1/matrix with a MatrixRequest.
func (s *Server) matrix(b MatrixBackend) endpoint {
	return endpoint{http.MethodPost, matrixPath, s.reply(func(w http.ResponseWriter, r *http.Request) (any, error) {
		var request MatrixRequest
		if err := s.decode(w, r, &request); err != nil {
			return nil, err
		}
		return b.Matrix(r.Context(), request)
	})}
}

// Matrix asks who reaches whom. An error of type *Error is the gateway's answer.
func (c *Client) Matrix(ctx context.Context, r MatrixRequest) (MatrixReply, error) {
	var reply MatrixReply
	err := c.post(ctx, matrixPath, r, &reply)
	return reply, err
}
