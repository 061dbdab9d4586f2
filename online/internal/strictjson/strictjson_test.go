package strictjson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/fault"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{ // the compact form, "" where it is refused
		`null`: `null`, ` true `: `true`, `-0`: `-0`, `1E+400`: `1E+400`, `0.10`: `0.10`, `""`: `""`, "[]\r\n": `[]`, `{"a":[1,{}]}`: `{"a":[1,{}]}`,
		`"\u00e9\n\/"`: `"\u00e9\u000a/"`, "\"\u00e9\U0001f600\"": `"\u00e9\ud83d\ude00"`, `"\ud83d\ude00"`: `"\ud83d\ude00"`, `"\u0000\u007f"`: `"\u0000\u007f"`,
		`{"a":1,"A":2}`: `{"a":1,"A":2}`, strings.Repeat("[", 32) + strings.Repeat("]", 32): strings.Repeat("[", 32) + strings.Repeat("]", 32),
		"": "", " ": "", "nul": "", "nulll": "", "True": "", "NaN": "", "-": "", "01": "", "1.": "", ".5": "", "1e": "", "+1": "", "0x1": "", "1_0": "",
		`"`: "", "\"\t\"": "", `"\x"`: "", `"\u12"`: "", `"\u+123"`: "", `"\ud800"`: "", `"\ud800\u0041"`: "", `"\udc00"`: "", `"\`: "", `"\u`: "", "\"\xff\"": "",
		"[": "", "[1": "", "[1,": "", "[1,]": "", "[,1]": "", "[1 2]": "", "{": "", `{"a"`: "", `{"a":`: "", `{"a":1,}`: "", `{a:1}`: "", `{"a":1 "b":2}`: "",
		`{"a":1,"a":1}`: "", `{"a":1,"\u0061":2}`: "", "1 1": "", "{}{}": "", "\ufeff1": "", "\x00": "", "1\x00": "", "//\n1": "",
		strings.Repeat("[", 33) + strings.Repeat("]", 33): "", strings.Repeat("9", 129): "", "[" + strings.Repeat("0,", 100_000) + "0]": "",
	} {
		v, err := strictjson.Parse([]byte(in))
		if want == "" {
			if !fault.Is(err, "json.malformed") || v.Kind != strictjson.Absent {
				t.Errorf("%.60q: want json.malformed, got %v", in, err)
			}
			continue
		}
		if got := string(v.Append(nil)); err != nil || got != want {
			t.Errorf("%.60q: got %s %v, want %s", in, got, err, want)
		}
	}
	var many strings.Builder
	for i := range 65 {
		many.WriteString(`,"` + strings.Repeat("k", i+1) + `":0`)
	}
	if _, err := strictjson.Parse([]byte("{" + many.String()[1:] + "}")); err == nil {
		t.Error("65 members were read")
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{ // what Big reads, "" where it is refused
		"0": "0", `"0"`: "0", `"0x0"`: "0", `"0xFf"`: "255", "9007199254740991": "9007199254740991", `"007"`: "7",
		`"0x` + strings.Repeat("f", 64) + `"`: "115792089237316195423570985008687907853269984665640564039457584007913129639935",
		"9007199254740992":                    "", "-1": "", "-0": "", "1.0": "", "1e3": "", `""`: "", `"0x"`: "", `"-1"`: "", `"+1"`: "", `"1_000"`: "", `" 1"`: "", `"0X1"`: "", `"ff"`: "",
		`"1.5"`: "", `"0b1"`: "", `"0x1` + strings.Repeat("0", 64) + `"`: "", `"` + strings.Repeat("0", 200) + `"`: "", "true": "", "null": "", "[]": "", `"0x-1"`: "", "\"\u0661\"": "",
	} {
		v, err := strictjson.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		n, ok := v.Big()
		if ok != (want != "") || ok && n.String() != want {
			t.Errorf("%s: got %v %v, want %q", in, n, ok, want)
		}
	}
	for in, max := range map[string]uint64{"5": 4, "-1": 9, "1.0": 9, `"1"`: 9, "null": 9, "9007199254740992": 1 << 60} {
		v, err := strictjson.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := v.Uint(max); ok {
			t.Errorf("%s up to %d is read as %d", in, max, n)
		}
	}
}

func TestObject(t *testing.T) {
	v, err := strictjson.Parse([]byte(`{"a":1,"A":2,"b":null,"c":null}`))
	if err != nil {
		t.Fatal(err)
	}
	f, unknown := v.Object("a", "b")
	if len(f) != 1 || f["a"].Text != "1" || !reflect.DeepEqual(unknown, []string{"A", "c"}) {
		t.Errorf("got %v, unknown %q", f, unknown)
	}
}

// FuzzParse: what parses is JSON to the standard library too, and means the
// same; and its compact form parses to the same value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"\u00e9\ud83d\ude00",true,null]}`, `"\\\"\/\b"`, "[[]]", `{"":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := strictjson.Parse(b)
		if err != nil {
			return
		}
		compact := v.Append(nil)
		again, err := strictjson.Parse(compact)
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%q comes back as %q: %v", b, compact, err)
		}
		read := func(b []byte) (x any) {
			d := json.NewDecoder(strings.NewReader(string(b)))
			d.UseNumber()
			if err := d.Decode(&x); err != nil {
				t.Fatalf("%q is no JSON to encoding/json: %v", b, err)
			}
			return x
		}
		if !reflect.DeepEqual(read(b), read(compact)) {
			t.Fatalf("%q and %q differ", b, compact)
		}
	})
}
