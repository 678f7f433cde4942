package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestErrorCodes calls with boto3 what AWS refuses, and holds codes and messages
// to docs/semantics.md.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	e := ec2Lab(t, "testdata/ec2/limits.yaml")
	if out := e.python(t, 2*time.Minute, "errors.py"); out != "" {
		t.Error(out)
	}
}

// TestBoto3 goes through paginators, waiters, resources, client tokens and
// concurrent calls.
func TestBoto3(t *testing.T) {
	t.Parallel()
	e := ec2Lab(t, ec2LabFile)
	out := e.python(t, 5*time.Minute, "many.py")
	for _, part := range []string{"identity", "paginators", "waiters", "resources", "tokens", "concurrency"} {
		if !strings.Contains(out, "ok "+part+"\n") {
			t.Errorf("no %s:\n%s", part, out)
		}
	}
}
