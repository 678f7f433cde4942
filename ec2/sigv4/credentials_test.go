package sigv4

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const good = `# who may call
[default]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY

; a session
[ci@example.com]
  aws_session_token = a==
  aws_secret_access_key = x=y
  aws_access_key_id = ASIAEXAMPLE
`

func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadCredentials(t *testing.T) {
	for _, text := range []string{good, strings.ReplaceAll(good, "\n", "\r\n"), strings.TrimSuffix(good, "\n")} {
		for _, mode := range []fs.FileMode{0o600, 0o400} {
			k, err := LoadCredentials(write(t, text, mode))
			if err != nil || k.Len() != 2 {
				t.Fatalf("%d keys, %v", k.Len(), err)
			}
			if got, want := k.byID["AKIDEXAMPLE"], (Credential{"default", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""}); got != want {
				t.Errorf("%v %q", got, got.SecretAccessKey)
			}
			if got, want := k.byID["ASIAEXAMPLE"], (Credential{"ci@example.com", "ASIAEXAMPLE", "x=y", "a=="}); got != want {
				t.Errorf("%v %q %q", got, got.SecretAccessKey, got.SessionToken)
			}
		}
	}
}

// TestBadCredentials holds that each fault is told with its line, and without a
// secret.
func TestBadCredentials(t *testing.T) {
	const begin = "[a]\naws_access_key_id = AKID1\n"
	const profile = begin + "aws_secret_access_key = hushhush\n"
	for _, tt := range []struct{ text, want string }{
		{"", ": it has no access keys: want a line [default]"},
		{"# nothing\n", ": it has no access keys"},
		{"aws_access_key_id = AKID1", ":1: it stands before the first profile"},
		{"[a\n", ":1: want ] at the end of the line"},
		{"[]\naws_access_key_id = AKID1\naws_secret_access_key = hushhush", `:1: profile "": want 1 to 64 letters, digits`},
		{"[a b]\naws_access_key_id = AKID1\naws_secret_access_key = hushhush", `:1: profile "a b": want 1 to 64 letters`},
		{begin + "hushhush\n", ":3: want [PROFILE], KEY = VALUE or a comment"},
		{begin + "aws_secret_key = hushhush\n", `:3: "aws_secret_key": want aws_access_key_id, aws_secret_access_key or aws_session_token`},
		{begin + "region = eu-west-1\n", `:3: "region": want aws_access_key_id`},
		{begin + "aws_secret_access_key =\n", ":3: aws_secret_access_key has no value"},
		{begin, `:1: profile "a" has no aws_secret_access_key`},
		{begin + "[b]\n", `:1: profile "a" has no aws_secret_access_key`},
		{"\n\n[a]\naws_secret_access_key = hushhush\n", `:3: profile "a" has no aws_access_key_id`},
		{profile + "aws_secret_access_key = hushhush\n", `:4: profile "a" has aws_secret_access_key already: want it once`},
		{profile + "[a]\naws_access_key_id = AKID2\n", `:4: profile "a" is at line 1 already: want it once`},
		{profile + strings.Replace(profile, "[a]", "[b]", 1), `:4: profile "b": access key AKID1 is profile "a"'s already`},
		{profile + "aws_session_token = hush hush\n", `:1: profile "a": aws_session_token: want printable ASCII characters without a space`},
		{strings.Replace(profile, "hushhush", "hush hush", 1), `:1: profile "a": aws_secret_access_key: want printable ASCII`},
		{strings.Replace(profile, "AKID1", "AKID/1", 1), `:1: profile "a": aws_access_key_id: want 1 to 128 letters, digits and _`},
		{profile + strings.Repeat("#", maxFile), ": it has more than 1048576 bytes"},
	} {
		path := write(t, tt.text, 0o600)
		k, err := LoadCredentials(path)
		if err == nil || !strings.HasPrefix(err.Error(), "credentials: "+path+tt.want) || k.Len() != 0 {
			t.Errorf("%.80q: %v\nwant %s", tt.text, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("it tells a secret: %v", err)
		}
	}
}

// TestTrustedFile holds that nobody else can read the keys or replace them.
func TestTrustedFile(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0o640: "others can read the secret keys: chmod 600 it", 0o604: "others can read", 0o644: "its mode is 0644: others can read",
		0o620: "others can replace the keys", 0o602: "others can replace", 0o666: "others can replace", 0o610: "others can read",
	} {
		if _, err := LoadCredentials(write(t, good, mode)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%04o: %v, want %s", mode, err, want)
		}
	}
	dir := t.TempDir()
	if _, err := LoadCredentials(dir); err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCredentials(pipe); err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := LoadCredentials(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("nothing: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write(t, good, 0o644), link); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCredentials(link); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a link to a readable file: %v", err)
	}
	for _, tt := range []struct {
		owner, us int
		want      string
	}{
		{0, 0, ""}, {0, 1000, ""}, {1000, 1000, ""},
		{1000, 0, "it belongs to user 1000"}, {1000, 1001, "want root or user 1001"}, {-1, 0, "it belongs"},
	} {
		if got := distrust(0o600, tt.owner, tt.us); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("owner %d, we are %d: %q, want %q", tt.owner, tt.us, got, tt.want)
		}
	}
}

// TestSecretsAreNotPrinted has a credential land in a log by mistake.
func TestSecretsAreNotPrinted(t *testing.T) {
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		fmt.Fprintf(&out, verb+"\n", session)
	}
	fmt.Fprintf(&out, "%+v\n", []Credential{session})
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "key", session)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "key", session)
	if text := out.String(); strings.Contains(text, session.SecretAccessKey) || strings.Contains(text, session.SessionToken) || strings.Count(text, "access key ASIAEXAMPLE of session") != 9 {
		t.Error(text)
	}
}

func TestNewKeys(t *testing.T) {
	if _, err := NewKeys(alice, alice); err == nil {
		t.Error("one key twice")
	}
	if _, err := NewKeys(Credential{User: "a", AccessKeyID: "AKID"}); err == nil {
		t.Error("a key without a secret")
	}
	if (Keys{}).Len() != 0 {
		t.Error("the zero value has keys")
	}
	none := at(t, noon)
	none.Keys = Keys{}
	if _, err := verify(t, none, signerOf(Credential{}).header(describe())); err == nil {
		t.Error("without keys, one is accepted")
	}
}
