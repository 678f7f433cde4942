package ec2

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sgate/sgate/store"
)

// post sends a form to the endpoint itself.
func (w *world) post(form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:4599/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out := httptest.NewRecorder()
	w.endpoint.ServeHTTP(out, r)
	return out
}

// TestAPanicIsOneRequestsEnd has an action panic while it makes a change.
func TestAPanicIsOneRequestsEnd(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16, default: true}\nsubnets: [{name: a, cidr: 10.0.1.0/24, default_for_az: true}]\n")
	images := w.endpoint.options.Images
	w.endpoint.options.Images = func() []Image { panic("out of images") }
	const run = "Action=RunInstances&Version=2016-11-15&ImageId=ami-netns&MinCount=1&MaxCount=1"
	if out := w.post(run); out.Code != http.StatusInternalServerError || !strings.Contains(out.Body.String(), "<Code>InternalError</Code>") {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	w.endpoint.options.Images = images
	if out := w.post(run); out.Code != http.StatusOK { // nothing is held any more
		t.Errorf("the next request: %d %s", out.Code, out.Body)
	}
}

// TestManyAtOnce holds up a change while more requests come than are worked on at
// once, and then lets go.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	begun, goOn := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_ = w.store.Change(context.Background(), func(*store.Draft) error {
			close(begun)
			<-goOn
			return nil
		})
	})
	<-begun
	const requests = 3 * maxAtOnce
	most := 0
	var mu sync.Mutex
	for range requests {
		all.Go(func() {
			out := w.post("Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-00000000000000000")
			mu.Lock()
			most = max(most, len(w.endpoint.slots))
			mu.Unlock()
			if out.Code != http.StatusBadRequest {
				t.Errorf("%d %s", out.Code, out.Body)
			}
		})
	}
	for len(w.endpoint.slots) < maxAtOnce { // as many as there may be wait for their turn
		runtime.Gosched()
	}
	close(goOn)
	all.Wait()
	if most > maxAtOnce || len(w.endpoint.slots) != 0 {
		t.Errorf("%d at once, and %d in the end", most, len(w.endpoint.slots))
	}
}

// TestLongFilters compares with no more than anything can be.
func TestLongFilters(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	w.do("DescribeVpcs", "Filter.1.Name", "cidr", "Filter.1.Value.1", strings.Repeat("*", 1024))
	w.refused("InvalidParameterValue", "The filter 'cidr' has a value of more than 1024 bytes",
		"DescribeVpcs", "Filter.1.Name", "cidr", "Filter.1.Value.1", "10.0.0.0/16", "Filter.1.Value.2", strings.Repeat("*", 1025))
}

// TestChangesAreLogged by whom and when, and nothing else is at that level.
func TestChangesAreLogged(t *testing.T) {
	w := newWorld(t, oneVPC)
	var log strings.Builder
	w.endpoint.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	const list = "&Version=2016-11-15&PrefixListName=office&MaxEntries=1&AddressFamily=IPv4"
	for _, form := range []string{
		"Action=DescribeManagedPrefixLists&Version=2016-11-15", "Action=CreateManagedPrefixList" + list + "&DryRun=true",
		"Action=CreateManagedPrefixList" + list + "&Entry.1.Cidr=junk",
	} {
		if w.post(form); log.Len() > 0 {
			t.Errorf("%s is logged: %s", form, log.String())
		}
	}
	w.post("Action=CreateManagedPrefixList" + list)
	if line := log.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, "level=INFO") || !strings.Contains(line, "action=CreateManagedPrefixList status=200") {
		t.Errorf("the log has %q", line)
	}
}
