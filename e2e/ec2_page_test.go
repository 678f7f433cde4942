package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ec2Page = "../docs/ec2.md"

// TestEC2Page holds what docs/ec2.md shows of commands to what they print, ids
// and ARNs aside. SGATE_UPDATE=1 writes it anew.
func TestEC2Page(t *testing.T) {
	e := ec2Lab(t, ec2LabFile)
	found(t, "aws", "the aws CLI (Debian's awscli)")
	before, err := os.ReadFile(ec2Page)
	if err != nil {
		t.Fatal(err)
	}
	wantConnect(t, "connects", e.lab, "client", "172.31.0.10", "80") // the server is up
	commands := commandsOf(string(before))
	after := withOutputs(string(before), e.session(t, commands))
	if os.Getenv("SGATE_UPDATE") != "" {
		if err := os.WriteFile(ec2Page, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(anonymous(string(before)), anonymous(after)); diff != "" {
		t.Errorf("%s (-page +what is printed):\n%s", ec2Page, diff)
	}
}

// commandsOf returns the commands in a page's blocks of console.
func commandsOf(page string) []string {
	var commands []string
	console := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			console = line == "```console\n"
		}
		if command, is := strings.CutPrefix(line, "$ "); console && is {
			commands = append(commands, command)
		}
	}
	return commands
}

// withOutputs returns a page with what each command prints after it, up to the next
// command or the end of its block.
func withOutputs(page string, outputs []string) string {
	var out strings.Builder
	console, next := false, 0
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			console = line == "```console\n"
			out.WriteString(line)
			continue
		}
		command := strings.HasPrefix(line, "$ ")
		if !console || command {
			out.WriteString(line)
		}
		if console && command {
			out.WriteString(outputs[next])
			next++
		}
	}
	return out.String()
}

// session runs commands in one shell, so that variables last, and returns what each
// prints.
func (e endpoint) session(t *testing.T, commands []string) []string {
	t.Helper()
	const end = "-- end of a command --"
	script := fmt.Sprintf(`aws() { command aws --endpoint-url "$ENDPOINT" "$@"; }
sudo() { "$@"; }
sgate() { shift 2; %s lab exec --lab %s "$@"; }
exec 2>&1
`, binary(t), e.lab)
	for _, command := range commands {
		script += command + "echo '" + end + "'\n"
	}
	r := e.run(t, 3*time.Minute, "", "sh", "-c", script)
	outputs := strings.SplitAfter(r.stdout, end+"\n")
	if len(outputs) != len(commands)+1 {
		t.Fatalf("%d commands, %d outputs:\n%s", len(commands), len(outputs)-1, r.stdout)
	}
	for i := range outputs {
		text := strings.TrimLeft(strings.TrimSuffix(outputs[i], end+"\n"), "\n")
		text = strings.ReplaceAll(text, "../configs/", "configs/") // tests run in their folder
		outputs[i] = regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
	}
	return outputs
}

// anonymous makes pages of several runs, and of several versions of the CLI, alike.
func anonymous(page string) string {
	page = regexp.MustCompile(`\b(sgr?|i|eni|vpc|subnet)-[0-9a-f]{17}\b`).ReplaceAllString(page, "$1-ID")
	page = regexp.MustCompile(`(?m)^ *"SecurityGroupRuleArn": .*\n`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`(?m),$`).ReplaceAllString(page, "")
	return regexp.MustCompile(`(?m)^aws: \[ERROR\]: `).ReplaceAllString(page, "")
}
