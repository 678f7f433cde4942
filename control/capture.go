package control

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// CaptureRequest chooses packets, those that meet all of its conditions, and
// says how much of them is captured. An empty field is no condition.
type CaptureRequest struct {
	VPC       string   // name or id
	Instances []string // names or ids of instances or hosts that sent the packet, or that it is for: any of them
	From      string   // the sender: address, CIDR, or name or id of an instance or host
	To        string   // whom it is for, likewise
	Protocol  string   // tcp, udp, icmp, icmpv6 or a number
	Port      uint16   // either end's, of TCP and UDP
	Verdict   string   // VerdictAllow or VerdictDrop
	Reasons   []string // any of them

	Snaplen  int    // bytes that are kept of each packet; 0 stands for all
	Count    uint64 // packets after which it ends; 0 stands for any number
	BothEnds bool   // what was forwarded is written twice: also where it left
	Buffer   int    // bytes of packets that wait for the reader at most; 0 stands for the gateway's default
}

// CaptureBackend captures packets.
type CaptureBackend interface {
	// Capture writes packets as pcapng until ctx is done or there are as many
	// as wanted, and then the statistics of its interfaces. It writes first
	// once it watches.
	Capture(ctx context.Context, r CaptureRequest, w io.Writer) error
}

const capturePath = version + "/capture"

// captureStall is how long a client may take nothing. A person may look at the
// packets there are, in a pager, for as long as he likes: others are lost to the
// capture meanwhile, and counted.
const captureStall = 24 * time.Hour

// capture is the endpoint: GET /v1/capture?instance=web&verdict=drop. The reply
// is pcapng without end. A client that closes the sending half of its connection
// gets what is left, and the statistics; so can `socat`.
func (s *Server) capture(b CaptureBackend) endpoint {
	return endpoint{http.MethodGet, capturePath, s.stream(pcapng, func(r *http.Request, w io.Writer) error {
		request, err := readCaptureRequest(r)
		if err != nil {
			return err
		}
		if out, ok := w.(*outflow); ok {
			out.stall = captureStall
		}
		return b.Capture(r.Context(), request, w)
	})}
}

func readCaptureRequest(r *http.Request) (c CaptureRequest, err error) {
	values, err := query(r, "vpc", "instance", "from", "to", "protocol", "port", "verdict", "reason", "snaplen", "count", "both_ends", "buffer")
	if err != nil {
		return c, err
	}
	c = CaptureRequest{
		VPC: values.Get("vpc"), Instances: values["instance"], From: values.Get("from"), To: values.Get("to"),
		Protocol: values.Get("protocol"), Verdict: values.Get("verdict"), Reasons: values["reason"],
	}
	if !slices.Contains([]string{"", VerdictAllow, VerdictDrop}, c.Verdict) {
		return c, Refuse("verdict=%q: want %s or %s", c.Verdict, VerdictAllow, VerdictDrop)
	}
	if c.Port, err = queryPort(values); err != nil {
		return c, err
	}
	for name, into := range map[string]func(uint64){
		"snaplen": func(n uint64) { c.Snaplen = int(n) },
		"buffer":  func(n uint64) { c.Buffer = int(n) },
		"count":   func(n uint64) { c.Count = n },
	} {
		if !values.Has(name) {
			continue
		}
		n, err := strconv.ParseUint(values.Get(name), 10, 31)
		if err != nil {
			return c, Refuse("%s=%q: want a number from 0 to %d", name, values.Get(name), 1<<31-1)
		}
		into(n)
	}
	if values.Has("both_ends") {
		if c.BothEnds, err = strconv.ParseBool(values.Get("both_ends")); err != nil {
			return c, Refuse("both_ends=%q: want true or false", values.Get("both_ends"))
		}
	}
	return c, nil
}

// query returns what readCaptureRequest reads.
func (r CaptureRequest) query() url.Values {
	values := url.Values{"instance": r.Instances, "reason": r.Reasons}
	for name, value := range map[string]string{
		"vpc": r.VPC, "from": r.From, "to": r.To, "protocol": r.Protocol, "verdict": r.Verdict,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, n := range map[string]uint64{"port": uint64(r.Port), "snaplen": uint64(r.Snaplen), "count": r.Count, "buffer": uint64(r.Buffer)} {
		if n != 0 {
			values.Set(name, strconv.FormatUint(n, 10))
		}
	}
	if r.BothEnds {
		values.Set("both_ends", "true")
	}
	return values
}

// CaptureStream is a capture that runs: the bytes of a pcapng file, as they come
// up. The errors of Read are those of Stream.Next.
type CaptureStream struct {
	body *inflow
	conn net.Conn
}

// Capture starts a capture: what happens once it has returned is in the stream.
// An error of type *Error is the gateway's answer.
func (c *Client) Capture(ctx context.Context, r CaptureRequest) (*CaptureStream, error) {
	s := new(CaptureStream)
	var err error
	s.body, err = c.stream(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { s.conn = info.Conn },
	}), capturePath, r.query())
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Read implements io.Reader.
func (s *CaptureStream) Read(p []byte) (int, error) { return s.body.Read(p) }

// Stop has the gateway capture no more. What it has captured until then, and the
// statistics, are still to be read, up to io.EOF.
func (s *CaptureStream) Stop() error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return s.Close()
}

// Close ends the capture and the stream.
func (s *CaptureStream) Close() error { return s.body.Close() }
