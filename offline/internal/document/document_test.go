package document

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

type sample struct {
	Version uint64
	Name    string
	Flag    bool
	Groups  map[string][]string
	Rule    []struct {
		Name  string
		To    []string
		Needs []struct {
			Count int
			Role  string
		}
	}
}

const good = `version = 4 # the fourth
name = "a 'name' # with [brackets}"
flag = true

[groups]
hot = ["a",
  'b "c"', # why
]

[[rule]]
name = "first"
to = [ "x" ]
needs = [{ count = 2, role = "approver" }, { count = 1, role = "boss" }]

[[ rule ]]
name = "second"
`

func TestDecode(t *testing.T) {
	var v sample
	if err := Decode([]byte(good), 1<<20, &v); err != nil {
		t.Fatal(err)
	}
	if v.Version != 4 || v.Name != "a 'name' # with [brackets}" || !reflect.DeepEqual(v.Groups["hot"], []string{"a", `b "c"`}) ||
		len(v.Rule) != 2 || v.Rule[0].Needs[0].Count != 2 || v.Rule[1].Name != "second" {
		t.Errorf("%+v", v)
	}
	if err := Decode([]byte(strings.ReplaceAll(good, "\n", "\r\n")), 1<<20, &v); err != nil {
		t.Error(err)
	}
	if err := Decode([]byte(good), len(good)-1, &v); !fault.Is(err, "document.size") {
		t.Errorf("one byte too long: %v", err)
	}
	for table, want := range map[string]int{"": 2, "groups": 5, "rule": 11} {
		if got := Line([]byte(good), table, 0, "name"); got != want {
			t.Errorf("name in %q is on line %d, not %d", table, got, want)
		}
	}
	if got := Line([]byte(good), "rule", 1, "to"); got != 15 {
		t.Errorf("what is not there is told as line %d", got)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"unknown key":            {"version = 1\nvresion = 2", 2},
		"unknown key in a table": {"[[rule]]\nname = \"x\"\nlimit = 3", 3},
		"unknown inline key":     {"[[rule]]\nneeds = [{cuont = 1}]", 0},
		"unknown table":          {"\n[other]\nx = 1", 2},
		"upper-case key":         {"Version = 1", 1},
		"quoted key":             {`"version" = 1`, 1},
		"quoted inline key":      {`rule = [{"Name" = "x"}]`, 1},
		"quoted dotted key":      {`"rule".name = "x"`, 1},
		"quoted head":            {"[\"groups\"]", 1},
		"key twice":              {"version = 1\nversion = 2", 2},
		"table twice":            {"[groups]\n[groups]", 2},
		"string over lines":      {"name = \"\"\"a\nb\"\"\"", 1},
		"open string":            {"name = \"a", 1},
		"escape":                 {`name = "\u0061"`, 1},
		"not ASCII":              {"name = \"pr\u00fcfer\"", 1},
		"bidi in a comment":      {"version = 1 # \u202e", 1},
		"escape code":            {"version = 1 # \x1b[2J", 1},
		"carriage return":        {"version = 1 # \rname = \"x\"", 1},
		"NUL":                    {"\x00", 1},
		"byte order mark":        {"\ufeffversion = 1", 1},
		"wrong type":             {"version = \"1\"", 0},
		"float":                  {"version = 1.5", 0},
		"negative":               {"version = -1", 0},
		"deep":                   {"name = [[[[[1]]]]]", 1},
		"open bracket":           {"name = [", 1},
		"closing bracket":        {"name = ]", 1},
		"dots":                   {"a.b.c.d.e.f.g.h.i.j = 1", 1},
		"neither":                {"version", 1},
		"head and more":          {"[groups] x = 1", 1},
		"truncated in an array":  {"[groups]\nhot = [\"a\",", 2},
	} {
		var v sample
		err := Decode([]byte(c.text), 1<<20, &v)
		if !fault.Is(err, "document.syntax") {
			t.Errorf("%s: %v", name, err)
		} else if c.line > 0 && !strings.HasPrefix(err.Error(), fmt.Sprintf("line %d: ", c.line)) {
			t.Errorf("%s: %v, not line %d", name, err, c.line)
		} else if !quote.Plain(err.Error()) {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// Depth and dots that exhaust a parser are refused before it sees them.
func TestBombs(t *testing.T) {
	for _, s := range []string{
		"name = " + strings.Repeat("[", 1<<22), strings.Repeat("name = [\n", 1<<18), "name = " + strings.Repeat("{a=", 1<<20),
		strings.Repeat("a.", 1<<20) + "a = 1", "[" + strings.Repeat("a.", 1<<20) + "a]",
	} {
		var v sample
		if err := Decode([]byte(s), 1<<24, &v); !fault.Is(err, "document.syntax") {
			t.Errorf("%.20q: %v", s, err)
		}
	}
}

type record struct {
	Name string
	Tags []string
}

type heading struct{ Version uint64 }

func TestRecords(t *testing.T) {
	var b strings.Builder
	b.WriteString("version = 7\n")
	const n = 2*perChunk + 3
	for i := range n {
		fmt.Fprintf(&b, "[[entry]]\nname = \"%d\"\ntags = [\"[[entry]]\",\n\"b\"]\n", i)
	}
	var h heading
	list, err := Records[record]([]byte(b.String()), 1<<20, "entry", &h)
	if err != nil || len(list) != n || h.Version != 7 {
		t.Fatal(len(list), h, err)
	}
	for i, r := range list {
		if r.Name != fmt.Sprint(i) || len(r.Tags) != 2 {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	for text, line := range map[string]int{
		b.String() + "nmae = 1\n":                     1 + 4*n + 1,
		b.String() + "name = \"x\"\n":                 1 + 4*n + 1,
		b.String() + "[other]\n":                      1 + 4*n + 1,
		"version = 1\nname = \"x\"\n[[entry]]\n":      2,
		"version = 1\n[groups]\n[[entry]]\n":          2,
		"version = 1\n[[entry]]\nname = \"x\"\nx = [": 4,
	} {
		if _, err := Records[record]([]byte(text), 1<<20, "entry", &h); !fault.Is(err, "document.syntax") || !strings.HasPrefix(err.Error(), fmt.Sprintf("line %d: ", line)) {
			t.Errorf("%.20q...: %v, want line %d", text[len(text)-20:], err, line)
		}
	}
	if _, err := Records[record]([]byte(b.String()), 100, "entry", &h); !fault.Is(err, "document.size") {
		t.Error(err)
	}
}

// What is taken means what TOML says it means, and in chunks the same as whole.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("version = 1\n[[entry]]\nname = 'x'\n"))
	f.Add([]byte("version = 0x1F # [\n[ groups ]\na = []"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v, again sample
		if err := Decode(raw, 1<<16, &v); err == nil {
			if _, err := toml.Decode(string(raw), &again); err != nil || !reflect.DeepEqual(v, again) {
				t.Fatalf("%v: %+v and %+v", err, v, again)
			}
		} else if !quote.Plain(err.Error()) {
			t.Fatalf("%q", err)
		}
		var h heading
		list, err := Records[record](raw, 1<<16, "entry", &h)
		if err != nil {
			return
		}
		var whole struct {
			Version uint64
			Entry   []record
		}
		if _, err := toml.Decode(string(raw), &whole); err != nil || whole.Version != h.Version || len(whole.Entry) != len(list) {
			t.Fatalf("%v: %d records, not %d", err, len(list), len(whole.Entry))
		}
	})
}
