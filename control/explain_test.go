package control

import (
	"context"
	"net/http"
	"net/netip"
	"reflect"
	"testing"
)

// explaining is a backend that answers questions as the test says.
type explaining struct {
	fake
	explain func(ExplainRequest) (Explanation, error)
	matrix  func(MatrixRequest) (MatrixReply, error)
}

func (e explaining) Explain(_ context.Context, r ExplainRequest) (Explanation, error) {
	return e.explain(r)
}
func (e explaining) Matrix(_ context.Context, r MatrixRequest) (MatrixReply, error) {
	return e.matrix(r)
}

// TestExplain: a question and its answer get over the wire whole.
func TestExplain(t *testing.T) {
	kind, code := uint8(0), uint8(4)
	asked := ExplainRequest{
		From: "web", To: "10.0.2.30", VPC: "main", Protocol: "icmp", Port: 1, SourcePort: 2, ICMPType: &kind, ICMPCode: 3,
		IPv6: true, SourceAddress: "192.0.2.1", Brief: true,
	}
	want := Explanation{
		Verdict: VerdictDrop, Fate: "dropped", Reason: "no_ingress_rule", Meaning: "m", Generation: 7,
		Packet: ExplainedPacket{VPC: "main", Protocol: "icmp", Source: netip.MustParseAddr("10.0.1.10"), Destination: netip.MustParseAddr("fd00::1"), ICMPType: &kind, ICMPCode: &code, Bytes: 28},
		From:   ExplainedEnd{Kind: EndInstance, Name: "web", ID: "eni-1", Address: netip.MustParseAddr("10.0.1.10"), Subnet: "s", Origin: "f:1:2"},
		Egress: ExplainedSide{Interface: "eni-1", Groups: []GroupRef{{"sg-1", "web"}}, Answer: AnswerFlow, Rule: &ExplainedRule{ID: "sgr-1", Gone: true}, RulesSay: AnswerNoRule, Rules: 3,
			Misses: []ExplainedMiss{{Rule: ExplainedRule{ID: "sgr-2"}, But: []string{"port"}, Text: "t"}}},
		Ingress:     ExplainedSide{Groups: []GroupRef{}, Answer: AnswerNoGroups},
		NetworkACLs: []ExplainedACL{{ID: "acl-1", EntryNumber: 100}}, Reply: []ExplainedACL{},
		Flow: &ExplainedFlow{State: "ASKED", Rules: []ExplainedRule{}}, Connections: &ExplainedConnections{Count: 2, Tracked: 1},
		Reachability: &Reachability{Code: "C", Direction: "ingress", Component: "eni-1"}, Notes: []string{"n"},
		Remedies:        []Remedy{{Kind: RemedyGroupRule, ID: "sg-1", Choice: Choice{"a", "b", "c"}, Alternative: &Choice{"d", "e", "f"}}},
		RemediesSuffice: true,
	}
	_, c := serving(t, explaining{explain: func(r ExplainRequest) (Explanation, error) {
		if !reflect.DeepEqual(r, asked) {
			t.Errorf("asked %+v, want %+v", r, asked)
		}
		return want, nil
	}})
	got, err := c.Explain(t.Context(), asked)
	got.To.Address = netip.Addr{} // none is "" in JSON, and back
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

// TestMatrix: likewise.
func TestMatrix(t *testing.T) {
	kind, code := uint8(3), uint8(4)
	asked := MatrixRequest{VPC: "main", From: []string{"web"}, To: []string{"db"}, Protocol: "tcp", Port: 1, ICMPType: &kind, ICMPCode: 2}
	want := MatrixReply{
		Generation: 1, Question: "q", From: []MatrixEnd{{"web", "eni-1", "main"}}, To: []MatrixEnd{},
		Pairs: []MatrixPair{{From: "web", To: "db", IPv6: true, Verdict: VerdictAllow, Reason: "rule", Services: []MatrixService{
			{Protocol: "tcp", Ports: []PortRange{{1, 2}}, NoReply: true}, {Protocol: "icmp", Types: []ICMPTypes{{3, &code}}, Except: []string{"e"}},
		}}},
	}
	_, c := serving(t, explaining{matrix: func(r MatrixRequest) (MatrixReply, error) {
		if !reflect.DeepEqual(r, asked) {
			t.Errorf("asked %+v, want %+v", r, asked)
		}
		return want, nil
	}})
	if got, err := c.Matrix(t.Context(), asked); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

// TestARefusedQuestion comes back as the backend's words.
func TestARefusedQuestion(t *testing.T) {
	_, c := serving(t, explaining{
		explain: func(ExplainRequest) (Explanation, error) { return Explanation{}, Refuse("no instance or host %q", "x") },
		matrix:  func(MatrixRequest) (MatrixReply, error) { return MatrixReply{}, Refuse("too many") },
	})
	_, err := c.Explain(t.Context(), ExplainRequest{})
	if e, ok := err.(*Error); !ok || e.Status != http.StatusBadRequest || e.Message != `no instance or host "x"` {
		t.Errorf("explain: %v", err)
	}
	_, err = c.Matrix(t.Context(), MatrixRequest{})
	if e, ok := err.(*Error); !ok || e.Message != "too many" {
		t.Errorf("matrix: %v", err)
	}
	if (Explanation{Verdict: VerdictDrop}).Allowed() || !(Explanation{Verdict: VerdictAllow}).Allowed() || (Explanation{}).Allowed() {
		t.Error("Allowed")
	}
}
