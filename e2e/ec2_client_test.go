package e2e

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/internal/needs"
)

// endpoint is the EC2 endpoint of a gateway under test.
type endpoint struct {
	address string
	lab     string   // its lab's name, if it is one's
	env     []string // what clients find in their environment, beside the rest of ours
}

// newEndpoint returns an endpoint at a port that was free just now.
func newEndpoint(t *testing.T) endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return endpoint{address: l.Addr().String(), env: []string{
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_REGION=us-east-1",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=",
		"AWS_MAX_ATTEMPTS=1",
		"PYTHONDONTWRITEBYTECODE=1",
		"ENDPOINT=http://" + l.Addr().String(),
	}}
}

// ec2Lab brings a lab with an EC2 endpoint up; it goes down with the test.
func ec2Lab(t *testing.T, file string, flags ...string) endpoint {
	t.Helper()
	needs.Root(t)
	e := newEndpoint(t)
	e.lab = labName(t)
	said := upNamed(t, e.lab, file, append(flags, "--ec2-listen", e.address)...)
	if want := "\nthe EC2 API is up at http://" + e.address + "; signatures are not asked for: only this machine can reach it (--ec2-credentials FILE)\n"; !strings.HasSuffix(said, want) {
		t.Errorf("lab up says %q, want %q at its end", said, want)
	}
	return e
}

// ec2Run starts a gateway with an EC2 endpoint and no instances; the test ends it.
func ec2Run(t *testing.T, e endpoint, file string, flags ...string) *background {
	t.Helper()
	needs.Root(t)
	b := start(t, append([]string{"run", "--config", file, "--ec2-listen", e.address}, flags...)...)
	e.answers(t)
	return b
}

// answers waits until somebody listens at the endpoint.
func (e endpoint) answers(t *testing.T) {
	t.Helper()
	until(t, "the EC2 endpoint", func() bool {
		c, err := net.DialTimeout("tcp", e.address, time.Second)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// environ is the environment of clients: nothing of the machine's own AWS
// configuration, no proxy.
func (e endpoint) environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		name := strings.ToUpper(kv[:strings.Index(kv, "=")])
		if !strings.HasPrefix(name, "AWS_") && !strings.HasSuffix(name, "_PROXY") {
			env = append(env, kv)
		}
	}
	return append(env, e.env...)
}

// run runs a client to its end.
func (e endpoint) run(t *testing.T, limit time.Duration, stdin, name string, args ...string) result {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = e.environ()
	return runCommand(t, limit, stdin, cmd)
}

// aws runs `aws ec2` and expects it to succeed; what it prints is read into
// answer, unless that is nil.
func (e endpoint) aws(t *testing.T, answer any, args ...string) {
	t.Helper()
	r := e.tryAWS(t, args...)
	if r.code != 0 {
		t.Fatalf("aws ec2 %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal([]byte(r.stdout), answer); err != nil {
		t.Fatalf("aws ec2 %s: %v\n%s", strings.Join(args, " "), err, r.stdout)
	}
}

func (e endpoint) tryAWS(t *testing.T, args ...string) result {
	t.Helper()
	found(t, "aws", "the aws CLI (Debian's awscli)")
	return e.run(t, time.Minute, "", "aws", append([]string{"--endpoint-url", "http://" + e.address, "ec2"}, args...)...)
}

// text runs `aws ec2` with a query and returns the text that it prints.
func (e endpoint) text(t *testing.T, query string, args ...string) string {
	t.Helper()
	var out json.RawMessage
	e.aws(t, &out, append(args, "--query", query)...)
	return strings.Trim(string(out), "\"\n")
}

// awsRefuses runs `aws ec2` and expects that code of AWS.
func (e endpoint) awsRefuses(t *testing.T, code string, args ...string) {
	t.Helper()
	if r := e.tryAWS(t, args...); r.code == 0 || !strings.Contains(r.stderr, "An error occurred ("+code+")") {
		t.Errorf("aws ec2 %s: exit status %d, want %s\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
}

// python runs a script of testdata/ec2, which finds the endpoint's URL in the
// variable ENDPOINT, and returns what it prints.
func (e endpoint) python(t *testing.T, limit time.Duration, script string, args ...string) string {
	t.Helper()
	r := e.run(t, limit, "", boto3(t), append([]string{filepath.Join("testdata/ec2", script)}, args...)...)
	if r.code != 0 {
		t.Fatalf("%s: exit status %d\n%s%s", script, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// boto3 returns a Python that has it.
func boto3(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(path, "-c", "import boto3").Run() == nil {
			return path
		}
	}
	needs.Missing(t, "Python with boto3 (Debian's python3-boto3)")
	return ""
}

// found ends a test that lacks a program.
func found(t *testing.T, program, what string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		needs.Missing(t, what)
	}
}
