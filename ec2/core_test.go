package ec2

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/ec2/sigv4"
	"github.com/sgate/sgate/store"
)

const oneVPC = "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: a, cidr: 10.0.1.0/24}]\n"

// listParams are the parameters of a prefix list: what has a client token and
// needs nothing else.
func listParams(name, token string) []string {
	return []string{"PrefixListName", name, "MaxEntries", "2", "AddressFamily", "IPv4", "ClientToken", token}
}

func (w *world) lists() int { return len(w.do("DescribeManagedPrefixLists").all("prefixListSet.item")) }

func TestClientTokens(t *testing.T) {
	w := newWorld(t, oneVPC)
	first := w.do("CreateManagedPrefixList", listParams("office", "once")...).get("prefixList.prefixListId")
	w.refused("DryRunOperation", "", "CreateManagedPrefixList", append(listParams("office", "once"), "DryRun", "true")...)
	w.now = w.now.Add(store.TokenLife)
	if again := w.do("CreateManagedPrefixList", listParams("office", "once")...).get("prefixList.prefixListId"); again != first || w.lists() != 1 {
		t.Errorf("the same call made %s and then %s; there are %d lists", first, again, w.lists())
	}
	w.refused("IdempotentParameterMismatch", "The client token once has been used before, with other parameters",
		"CreateManagedPrefixList", listParams("home", "once")...)
	w.do("CreateManagedPrefixList", listParams("office", "twice")...)
	w.now = w.now.Add(time.Second)
	if w.do("CreateManagedPrefixList", listParams("home", "once")...); w.lists() != 3 {
		t.Errorf("there are %d lists after a token was forgotten, want 3", w.lists())
	}
	w.refused("InvalidParameterValue", "Invalid value for clientToken: want at most 64 characters",
		"CreateManagedPrefixList", listParams("long", strings.Repeat("x", 65))...)
	w.refuse = errors.New("no device to be had")
	if status, _ := w.try("CreateManagedPrefixList", listParams("lab", "thrice")...); status != http.StatusInternalServerError {
		t.Errorf("status %d of what could not be put in force", status)
	}
	w.refuse = nil
	if w.do("CreateManagedPrefixList", listParams("lab", "thrice")...); w.lists() != 4 {
		t.Errorf("a failed call with a token was remembered: %d lists, want 4", w.lists())
	}
}

func TestDryRunsChangeNothing(t *testing.T) {
	w := newWorld(t, oneVPC)
	applied := w.applied
	w.refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.",
		"CreateManagedPrefixList", append(listParams("office", "")[:6], "DryRun", "true")...)
	w.refused("InvalidParameterValue", "", "CreateManagedPrefixList", append(listParams("office", "")[:6], "DryRun", "perhaps")...)
	if w.lists() != 0 || w.applied != applied {
		t.Error("a dry run has made something")
	}
	status, _ := w.try("DescribeRegions", "DryRun", "true")
	if status != http.StatusPreconditionFailed {
		t.Errorf("a dry run answers with status %d, want 412", status)
	}
}

func TestRequestsThatNameNoAction(t *testing.T) {
	w := newWorld(t, oneVPC)
	for _, form := range []url.Values{
		{"Version": {version}}, {"Action": {"DescribeRegions"}}, {"Action": {"DescribeRegions"}, "Version": {"2010-01-01"}},
		{"Action": {"<script>"}, "Version": {version}},
	} {
		status, document := w.endpoint.answer(&caller{}, form, "req-1")
		if status != http.StatusBadRequest || strings.Contains(string(document), "<script>") {
			t.Errorf("%v: %d %s", form, status, document)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"web", "web", true}, {"web", "Web", false}, {"web", "webs", false}, {"", "", true}, {"", "x", false},
		{"*", "", true}, {"*", "anything", true}, {"w*b", "wb", true}, {"w*b", "web-b", true}, {"w*b", "web-a", false},
		{"w?b", "web", true}, {"w?b", "wb", false}, {"?", "é", true}, {`\*`, "*", true}, {`\*`, "x", false}, {`a\?c`, "a?c", true},
		{`a\?c`, "abc", false}, {`\\`, `\`, true}, {`*\**`, "a*b", true}, {`*\**`, "ab", false}, {"**", "x", true}, {"a*a*a", "aa", false},
	} {
		if got := matches(c.pattern, c.value); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.value, got)
		}
	}
}

// TestMatchesIsTheSlowWay holds the matcher to one that tries everything.
func TestMatchesIsTheSlowWay(t *testing.T) {
	var slow func(p, v []rune) bool
	slow = func(p, v []rune) bool {
		switch {
		case len(p) == 0:
			return len(v) == 0
		case p[0] == '*':
			return slow(p[1:], v) || len(v) > 0 && slow(p, v[1:])
		case len(v) == 0:
			return false
		case p[0] == '?':
			return slow(p[1:], v[1:])
		case p[0] == '\\':
			return len(p) > 1 && p[1] == v[0] && slow(p[2:], v[1:])
		}
		return p[0] == v[0] && slow(p[1:], v[1:])
	}
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune(`ab*?\`)), 0, 8, -1).Draw(t, "pattern")
		value := rapid.StringOfN(rapid.SampledFrom([]rune(`ab*?\`)), 0, 8, -1).Draw(t, "value")
		if got, want := matches(pattern, value), slow([]rune(pattern), []rune(value)); got != want {
			t.Fatalf("matches(%q, %q) = %v", pattern, value, got)
		}
	})
}

func TestFiltersAreHeldTogether(t *testing.T) {
	w := newWorld(t, oneVPC)
	many := []string{"Filter.1.Name", "region-name"}
	for i := range maxFilterValues + 1 {
		many = append(many, fmt.Sprint("Filter.1.Value.", i+1), "x")
	}
	w.refused("FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200", "DescribeRegions", many...)
	w.refused("MissingParameter", "The request must contain the parameter Filter.Value", "DescribeRegions", "Filter.1.Name", "region-name")
	w.refused("MissingParameter", "The request must contain the parameter Filter.Name", "DescribeRegions", "Filter.1.Value.1", "x")
	both := []string{"Filter.1.Name", "region-name", "Filter.1.Value.1", "eu-*", "Filter.1.Value.2", "us-*", "Filter.2.Name", "opt-in-status", "Filter.2.Value.1"}
	if n := len(w.do("DescribeRegions", append(both, "opted-in")...).all("regionInfo.item")); n != 0 {
		t.Error("one filter does not hold, and there is a Region")
	}
	if n := len(w.do("DescribeRegions", append(both, "opt-in-not-required")...).all("regionInfo.item")); n != 1 {
		t.Error("both filters hold, and there is no Region")
	}
}

// TestPagesAreAll walks through pages while items come and go.
func TestPagesAreAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,3}`), rapid.ID[string]).Draw(t, "items")
		size := rapid.IntRange(5, 9).Draw(t, "size")
		gone := make(map[string]bool)
		var seen []string
		in := paged{MaxResults: &size}
		for {
			some, next, err := page(items, in, ordinaryPages, func(s *string) string { return *s })
			if err != nil {
				t.Fatal(err)
			}
			if len(some) > size || next.NextToken != "" && len(some) < size {
				t.Fatalf("a page of %d items, asked for %d, next %q", len(some), size, next.NextToken)
			}
			seen = append(seen, some...)
			if next.NextToken == "" {
				break
			}
			in.NextToken = next.NextToken
			if i := rapid.IntRange(0, len(items)-1).Draw(t, "goes"); rapid.Bool().Draw(t, "some go") {
				gone[items[i]] = true
				items = slices.Delete(slices.Clone(items), i, i+1)
			}
		}
		if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Fatalf("an item came twice: %q", seen)
		}
		for _, x := range items {
			if !gone[x] && !slices.Contains(seen, x) {
				t.Fatalf("%q never came: %q", x, seen)
			}
		}
	})
}

func TestPagesThatThereAreNot(t *testing.T) {
	w := newWorld(t, oneVPC)
	const message = " for parameter maxResults is invalid. Expecting a value "
	w.refused("InvalidParameterValue", "Value ( 4 )"+message+"greater than 5.", "DescribeSecurityGroups", "MaxResults", "4")
	w.refused("InvalidParameterValue", "Value ( 1001 )"+message+"less than or equal to 1000.", "DescribeSecurityGroups", "MaxResults", "1001")
	w.refused("InvalidNextToken", "", "DescribeSecurityGroups", "MaxResults", "5", "NextToken", "bm90IG91cnM=")
	w.refused("InvalidNextToken", "", "DescribeSecurityGroups", "MaxResults", "5", "NextToken", "%")
}

// post sends a form over HTTP and returns the answer's status, head and document.
func post(t *testing.T, server *httptest.Server, form string, head ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
		if head[i] == "Host" {
			r.Host = head[i+1]
		}
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	document, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(document)
}

func TestOverHTTP(t *testing.T) {
	w := newWorld(t, oneVPC)
	server := httptest.NewServer(w.endpoint)
	defer server.Close()
	const regions = "Action=DescribeRegions&Version=" + version
	status, head, document := post(t, server, regions)
	id := head.Get("X-Amzn-Requestid")
	if status != http.StatusOK || len(id) != 36 || !strings.Contains(document, "<requestId>"+id+"</requestId>") ||
		!strings.Contains(document, `<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">`) || !strings.HasPrefix(head.Get("Content-Type"), "text/xml") {
		t.Errorf("status %d, %v, %s", status, head, document)
	}
	if answer, err := server.Client().Get(server.URL + "?" + regions); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("by GET: %v, %v", answer, err)
	} else {
		answer.Body.Close()
	}
	for name, c := range map[string]struct {
		form string
		head []string
		want int
		code string
	}{
		"a foreign Host":    {regions, []string{"Host", "evil.example"}, http.StatusForbidden, "AccessDeniedException"},
		"a web page":        {regions, []string{"Origin", "https://evil.example"}, http.StatusForbidden, "AccessDeniedException"},
		"no form":           {"{}", []string{"Content-Type", "application/json"}, http.StatusUnsupportedMediaType, "UnsupportedMediaType"},
		"a large body":      {regions + "&X=" + strings.Repeat("x", 2<<20), nil, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException"},
		"a malformed form":  {"Action=%zz", nil, http.StatusBadRequest, "MalformedQueryString"},
		"a parameter twice": {regions + "&RegionName.1=a&RegionName.1=b", nil, http.StatusBadRequest, "InvalidParameterValue"},
	} {
		status, _, document := post(t, server, c.form, c.head...)
		if status != c.want || !strings.Contains(document, "<Code>"+c.code+"</Code>") || !strings.Contains(document, "<RequestID>") {
			t.Errorf("%s: %d %s", name, status, document)
		}
	}
}

func TestSignaturesAreAskedFor(t *testing.T) {
	w := newWorld(t, oneVPC)
	keys, err := sigv4.NewKeys(sigv4.Credential{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", User: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	w.endpoint.options.Verifier = &sigv4.Verifier{Keys: keys, Services: []string{"ec2", "sts"}, Now: func() time.Time { return w.now }}
	server := httptest.NewServer(w.endpoint)
	defer server.Close()
	status, _, document := post(t, server, "Action=CreateSecurityGroup&Version="+version+"&GroupName=x&GroupDescription=y")
	if status != http.StatusForbidden || !strings.Contains(document, "<Response><Errors><Error><Code>MissingAuthenticationToken</Code>") {
		t.Errorf("EC2: %d %s", status, document)
	}
	status, _, document = post(t, server, "Action=GetCallerIdentity&Version=2011-06-15")
	if status != http.StatusForbidden || !strings.Contains(document, "<ErrorResponse") || !strings.Contains(document, "<Code>MissingAuthenticationToken</Code>") {
		t.Errorf("STS: %d %s", status, document)
	}
}
