package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

type rawShelf struct {
	Owner string    `mapstructure:"owner"`
	Books []rawBook `mapstructure:"books" label:"book"`
}

type rawBook struct {
	Name  string `mapstructure:"name"`
	Pages Texts  `mapstructure:"pages"`
	Lent  Word   `mapstructure:"lent"`
}

func shelf(text string) (rawShelf, *Document) {
	return ReadDocument[rawShelf]("s.yaml", []byte(text), Form{"a shelf", "books", "owner and books"})
}

func TestDocument(t *testing.T) {
	got, d := shelf("owner: me\nbooks:\n  - {name: A, pages: [1, x-2], lent: true}\n  - {pages: 7, lent: both}\n")
	want := rawShelf{"me", []rawBook{{"A", Texts{"1", "x-2"}, "true"}, {"", Texts{"7"}, "both"}}}
	if diff := cmp.Diff(want, got); diff != "" || d.Err() != nil {
		t.Errorf("%v (-want +got):\n%s", d.Err(), diff)
	}
	first, second := d.Root().Item("books", 0), d.Root().Item("books", 1)
	at := func(line, column int) vpc.Origin { return vpc.Origin{File: "s.yaml", Line: line, Column: column} }
	places := []vpc.Origin{first.Origin(), first.At("pages", 1), second.At("pages", 0), second.At("name", 0)}
	if diff := cmp.Diff([]vpc.Origin{at(3, 5), at(3, 26), at(4, 13), at(4, 5)}, places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	second.Fault("pages", 0, "7", "too few")
	first.Missing("name", "want one")
	first.Fault("pages", 1, "x-2", "want a number")
	second.Note("is thin")
	if diff := cmp.Diff([]string{
		`s.yaml:3:5: book "A": name is missing: want one`,
		`s.yaml:3:26: book "A": pages "x-2": want a number`,
		`s.yaml:4:5: book 2: is thin`,
		`s.yaml:4:13: book 2: pages "7": too few`,
	}, lines(d.Err())); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestDocumentFaults(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `s.yaml:1:1: is empty: want at least books`},
		{"- 1", `s.yaml:1:1: want a mapping with keys such as owner and books, got a list`},
		{"owner: a\n---\nowner: b\n", `s.yaml:3:1: is a second YAML document: a shelf is one`},
		{"ovner: a", `s.yaml:1:1: unknown key "ovner": did you mean "owner"?`},
		{"books: [{lent: []}]", `s.yaml:1:16: book 1: lent: want a string, a number, true or false, got a list`},
		{"books: [{pages: [1, null]}]", `s.yaml:1:17: book 1: pages: want a string, an integer or a list of them, got a list whose item 2 is nothing`},
		{"books: [{pages: [1, 2001:db8::1]}]", `s.yaml:1:17: book 1: pages: want a string, an integer or a list of them, got a list whose item 2 is a mapping (an IPv6 address in brackets takes quotes)`},
		{"books: [3]", `s.yaml:1:9: book 1: want a mapping with keys such as name and pages, got the integer 3`},
		{strings.Repeat("#", maxFileSize+1), `s.yaml:1:1: is larger than 16 MiB, which a shelf never is`},
	} {
		_, d := shelf(tt.text)
		if diff := cmp.Diff([]string{tt.want}, lines(d.Err())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
