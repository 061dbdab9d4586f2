package cli

import (
	"bytes"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

type state struct {
	home, out string
	json      bool
}

func commands() []Command[*state] {
	do := func(*state) error { return nil }
	return []Command[*state]{
		{Name: "review", Flags: []string{"home", "json"}, Min: 1, Max: 1, Do: do},
		{Name: "wallet new", Flags: []string{"home", "json"}, Do: do},
		{Name: "wallet remove", Flags: []string{"home"}, Min: 1, Max: 1, Do: do},
		{Name: "pair", Flags: []string{"out"}, Max: 2, Do: do},
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		args     string
		name     string
		operands string
		want     state
		usage    bool
	}{
		{args: "review F", name: "review", operands: "F"},
		{args: "--home H review F --json", name: "review", operands: "F", want: state{home: "H", json: true}},
		{args: "review --json F", name: "review", operands: "F", want: state{json: true}},
		{args: "--json review -", name: "review", operands: "-", want: state{json: true}},
		{args: "review -- --json", name: "review", operands: "--json"},
		{args: "wallet --home=H new", name: "wallet new", want: state{home: "H"}},
		{args: "wallet remove new", name: "wallet remove", operands: "new"},
		{args: "pair a b --out x", name: "pair", operands: "a b", want: state{out: "x"}},
		{args: "review", usage: true},
		{args: "review a b", usage: true},
		{args: "wallet", usage: true},
		{args: "wallet new x", usage: true},
		{args: "frobnicate", usage: true},
		{args: "review F --out x", usage: true},
		{args: "review F --home", usage: true},
	} {
		var got state
		cmd, operands, err := Match(strings.Fields(c.args), commands(), func(fs *flag.FlagSet, name string) {
			switch name {
			case "home":
				fs.StringVar(&got.home, name, "", "")
			case "out":
				fs.StringVar(&got.out, name, "", "")
			case "json":
				fs.BoolVar(&got.json, name, false, "")
			}
		})
		if c.usage {
			if code := Report(&bytes.Buffer{}, err); code != Usage {
				t.Errorf("%q: exit %d (%v), want usage", c.args, code, err)
			}
			continue
		}
		if err != nil || cmd.Name != c.name || !slices.Equal(operands, strings.Fields(c.operands)) || got != c.want {
			t.Errorf("%q: %q %q %+v, %v", c.args, cmd.Name, operands, got, err)
		}
	}
	if _, _, err := Match([]string{"--help"}, commands(), nil); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	if _, _, err := Match(nil, commands(), nil); Report(&bytes.Buffer{}, err) != Usage {
		t.Errorf("no arguments: %v", err)
	}
}

func TestReportIsOneSafeLine(t *testing.T) {
	var b bytes.Buffer
	code := Report(&b, fault.New("a.b", "do this", "bad \x1b[2J\nname %q", "x\u202e"))
	if s := b.String(); code != Failed || strings.Count(s, "\n") != 1 || strings.ContainsAny(s, "\x1b\u202e") || !strings.HasPrefix(s, "error: a.b: ") {
		t.Errorf("%d %q", code, s)
	}
}

// JSON on a terminal is as harmless as text.
func TestASCII(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		`{"a":"b"}`:                      `{"a":"b"}`,
		"\"\u202e\u009b\x7f\u0430\"":     `"\u202e\u009b\u007f\u0430"`,
		"\"\U0001f600\"":                 `"\ud83d\ude00"`,
		"\"\U0010ffff\uffff\ud7ff\u2028": `"\udbff\udfff\uffff\ud7ff\u2028`,
	} {
		if got := string(ascii([]byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
