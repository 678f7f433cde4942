package daemon

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sgate/sgate/control"
)

// captureOf starts a capture; end ends it and returns the beginnings of the
// comments, and the names of the interfaces.
func (w *world) captureOf(r control.CaptureRequest) (end func() (comments, interfaces []string)) {
	w.t.Helper()
	stream, err := w.client.Capture(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return func() (comments, interfaces []string) {
		w.t.Helper()
		defer stream.Close()
		if err := stream.Stop(); err != nil {
			w.t.Fatal(err)
		}
		b, err := io.ReadAll(stream)
		if err != nil {
			w.t.Fatal(err)
		}
		file, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.NgReaderOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		for {
			_, info, options, err := file.ReadPacketDataWithOptions()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				w.t.Fatal(err)
			}
			from, _ := file.Interface(info.InterfaceIndex)
			words, _, _ := strings.Cut(options.Comments[0], ";")
			comments = append(comments, from.Name+": "+words)
			if age := time.Since(info.Timestamp); age < -time.Minute || age > time.Minute {
				w.t.Errorf("a packet of %v: the gateway's clock is not the world's", info.Timestamp)
			}
		}
		for i := range file.NInterfaces() {
			n, _ := file.Interface(i)
			interfaces = append(interfaces, strings.TrimSuffix(n.Name+" "+n.Filter, " "))
		}
		return comments, interfaces
	}
}

// TestCapture asks for packets in many ways, all of them at once.
func TestCapture(t *testing.T) {
	w := newWorld(t, twoVPCs)
	all := []string{"web", "app", "db", "green-app", "green-db", "laptop"}
	const (
		appToDB  = "app: sgate: ALLOW rule, to db"
		webToApp = "web: sgate: DROP no_ingress_rule, to app"
		green    = "green-app: sgate: ALLOW rule, to green-db"
	)
	cases := []struct {
		request              control.CaptureRequest
		comments, interfaces []string
	}{
		{control.CaptureRequest{}, []string{appToDB, webToApp, green}, all},
		{control.CaptureRequest{VPC: "green"}, []string{green}, []string{"green-app vpc green", "green-db vpc green"}},
		{control.CaptureRequest{Instances: []string{"db"}}, []string{appToDB}, []string{"db instance db", "app instance db"}},
		{
			control.CaptureRequest{Instances: []string{"db", "web"}, Protocol: "tcp"}, []string{appToDB, webToApp},
			[]string{"web instance db or web and protocol tcp", "db instance db or web and protocol tcp", "app instance db or web and protocol tcp"},
		},
		{control.CaptureRequest{Verdict: "drop"}, []string{webToApp}, withFilter(all, "verdict drop")},
		{control.CaptureRequest{Reasons: []string{"rule"}, Port: 3306}, []string{appToDB}, withFilter(all, "reason rule and port 3306")},
		{control.CaptureRequest{From: "10.0.1.30", To: "app"}, []string{webToApp}, withFilter(all, "from 10.0.1.30 and to app")},
		{control.CaptureRequest{Reasons: []string{"land"}}, nil, withFilter(all, "reason land")},
	}
	ends := make([]func() (_, _ []string), len(cases))
	for i, c := range cases {
		ends[i] = w.captureOf(c.request)
	}
	w.send("app", "10.0.1.10", "10.0.1.20", &layers.TCP{SrcPort: 40000, DstPort: 3306, SYN: true})
	w.send("web", "10.0.1.30", "10.0.1.10", &layers.TCP{SrcPort: 40000, DstPort: 8080, SYN: true})
	w.send("green-app", "10.0.1.10", "10.0.1.20", &layers.UDP{SrcPort: 40000, DstPort: 53})
	for i, c := range cases {
		comments, interfaces := ends[i]()
		if diff := cmp.Diff([][]string{c.comments, c.interfaces}, [][]string{comments, interfaces}); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.request, diff)
		}
	}
}

func withFilter(names []string, filter string) (all []string) {
	for _, name := range names {
		all = append(all, name+" "+filter)
	}
	return all
}

func TestCaptureRefused(t *testing.T) {
	w := newWorld(t, twoVPCs)
	for _, c := range []struct {
		request control.CaptureRequest
		want    string
	}{
		{control.CaptureRequest{Instances: []string{"web", "nobody"}}, `no instance or host "nobody"; there are: web, app, db`},
		{control.CaptureRequest{VPC: "red"}, `no VPC "red"`},
		{control.CaptureRequest{VPC: "green", Instances: []string{"web"}}, "there is nothing to capture from"},
		{control.CaptureRequest{Reasons: []string{"boredom"}}, `no reason "boredom"`},
		{control.CaptureRequest{Protocol: "icmp", Port: 1}, "protocol icmp has no ports"},
		{control.CaptureRequest{From: "10.0.0.1/8"}, "want 10.0.0.0/8"},
		{control.CaptureRequest{Buffer: 1000}, "buffer=1000: want from 262144 to 268435456 bytes"},
	} {
		_, err := w.client.Capture(t.Context(), c.request)
		var refusal *control.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.request, err, c.want)
		}
	}
}

// TestCapturesAreLimited starts as many as may run, and one more: each that ends
// makes room for another.
func TestCapturesAreLimited(t *testing.T) {
	w := newWorld(t, twoVPCs)
	var ends []func() (_, _ []string)
	for range maxCaptures {
		ends = append(ends, w.captureOf(control.CaptureRequest{Buffer: 1 << 18}))
	}
	_, err := w.client.Capture(t.Context(), control.CaptureRequest{})
	var refusal *control.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "16 captures are running already") {
		t.Errorf("one more: %v", err)
	}
	ends[0]()
	ends[0] = w.captureOf(control.CaptureRequest{Buffer: 1 << 18})
	for _, end := range ends {
		end()
	}
}

// TestCaptureBeforeAConfiguration has nothing to capture from yet.
func TestCaptureBeforeAConfiguration(t *testing.T) {
	w := newWorld(t, "")
	if _, err := w.client.Capture(t.Context(), control.CaptureRequest{}); err == nil || !strings.Contains(err.Error(), "the gateway has no configuration yet") {
		t.Error(err)
	}
}
