package sigv4

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// Credential is an access key and whose it is. It is printed and logged without
// what is secret.
type Credential struct {
	User            string // the name of its profile
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // "" for none; a request must then have none, and else this one
}

// Format writes the access key's id and its user.
func (c Credential) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.hidden()) // of no matter to who prints
}

// LogValue is Format for logs.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.hidden()) }

func (c Credential) hidden() string { return "access key " + c.AccessKeyID + " of " + c.User }

// Keys are credentials by access key id. The zero value has none. Keys do not
// change; all methods may be called by several goroutines at once.
type Keys struct{ byID map[string]Credential }

// NewKeys returns the keys of several users. No two may have the same access key
// id, and ids, names and secrets must have the form that AWS's have.
func NewKeys(credentials ...Credential) (Keys, error) {
	k := Keys{make(map[string]Credential, len(credentials))}
	for _, c := range credentials {
		if err := k.add(c); err != nil {
			return Keys{}, err
		}
	}
	return k, nil
}

// Len returns how many keys there are.
func (k Keys) Len() int { return len(k.byID) }

func (k Keys) add(c Credential) error {
	if !userName.MatchString(c.User) {
		return fmt.Errorf("profile %q: want 1 to 64 letters, digits and _+=,.@-, the name of a user", c.User)
	}
	for _, part := range []struct {
		key, value string
		form       *regexp.Regexp
		want       string
	}{
		{keyID, c.AccessKeyID, keyIDForm, "want 1 to 128 letters, digits and _"},
		{keySecret, c.SecretAccessKey, secretForm, "want printable ASCII characters without a space"},
		{keyToken, c.SessionToken, tokenForm, "want printable ASCII characters without a space"},
	} {
		if !part.form.MatchString(part.value) {
			return fmt.Errorf("profile %q: %s: %s", c.User, part.key, part.want) // without the value: it may be secret
		}
	}
	if other, twice := k.byID[c.AccessKeyID]; twice {
		return fmt.Errorf("profile %q: access key %s is profile %q's already: want one profile a key", c.User, c.AccessKeyID, other.User)
	}
	k.byID[c.AccessKeyID] = c
	return nil
}

// The forms are those of IAM's CreateAccessKey and CreateUser (IAM API
// Reference), but that a key id may be short. No id has a slash or a comma, which
// separate parts of the Authorization header.
var (
	userName   = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	keyIDForm  = regexp.MustCompile(`^\w{1,128}$`)
	secretForm = regexp.MustCompile(`^[!-~]+$`)
	tokenForm  = regexp.MustCompile(`^[!-~]*$`)
)

// The keys of a profile.
const (
	keyID     = "aws_access_key_id"
	keySecret = "aws_secret_access_key"
	keyToken  = "aws_session_token"
)

// parseCredentials reads a shared credentials file. Its errors begin with the
// path and the line, and have no secrets.
func parseCredentials(path, text string) (Keys, error) {
	p := parser{path: path, keys: Keys{make(map[string]Credential)}, lines: make(map[string]int)}
	for line := range strings.SplitSeq(text, "\n") {
		p.line++
		if err := p.read(strings.TrimSpace(line)); err != nil {
			return Keys{}, err
		}
	}
	if err := p.endProfile(); err != nil {
		return Keys{}, err
	}
	if p.keys.Len() == 0 {
		return Keys{}, fmt.Errorf("%s: it has no access keys: want a line [default], or another user's name, and below it %s and %s", path, keyID, keySecret)
	}
	return p.keys, nil
}

// parser is in the middle of a credentials file.
type parser struct {
	path    string
	line    int
	keys    Keys
	lines   map[string]int // of the profiles that have begun
	profile map[string]string
	name    string // of the profile; its values are nil before the first
}

func (p *parser) fault(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.path, line, fmt.Errorf(format, args...))
}

func (p *parser) read(line string) error {
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		return nil
	case line[0] == '[':
		if err := p.endProfile(); err != nil {
			return err
		}
		return p.beginProfile(line)
	}
	key, value, ok := strings.Cut(line, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case !ok:
		return p.fault(p.line, "want [PROFILE], KEY = VALUE or a comment")
	case p.profile == nil:
		return p.fault(p.line, "it stands before the first profile: want a line [default], or another user's name, above it")
	case key != keyID && key != keySecret && key != keyToken:
		return p.fault(p.line, "%q: want %s, %s or %s", key, keyID, keySecret, keyToken)
	case value == "":
		return p.fault(p.line, "%s has no value", key)
	}
	if _, twice := p.profile[key]; twice {
		return p.fault(p.line, "profile %q has %s already: want it once", p.name, key)
	}
	p.profile[key] = value
	return nil
}

func (p *parser) beginProfile(line string) error {
	name, ok := strings.CutSuffix(line[1:], "]")
	name = strings.TrimSpace(name)
	if !ok {
		return p.fault(p.line, "want ] at the end of the line")
	}
	if first, twice := p.lines[name]; twice {
		return p.fault(p.line, "profile %q is at line %d already: want it once", name, first)
	}
	p.name, p.profile, p.lines[name] = name, make(map[string]string), p.line
	return nil
}

// endProfile takes over the profile that has been read, if there is one.
func (p *parser) endProfile() error {
	if p.profile == nil {
		return nil
	}
	begun := p.lines[p.name]
	for _, key := range []string{keyID, keySecret} {
		if p.profile[key] == "" {
			return p.fault(begun, "profile %q has no %s", p.name, key)
		}
	}
	err := p.keys.add(Credential{User: p.name, AccessKeyID: p.profile[keyID], SecretAccessKey: p.profile[keySecret], SessionToken: p.profile[keyToken]})
	if err != nil {
		return p.fault(begun, "%w", err)
	}
	return nil
}
