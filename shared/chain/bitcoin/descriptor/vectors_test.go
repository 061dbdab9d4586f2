package descriptor

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

// published gives the lines of a BIP's test vectors: what stands between <tt> and
// </tt>, with the words before it and how many stars the line has.
type published struct {
	stars int
	words string
	text  string
}

func vectors(t testing.TB, bip string) (list []published) {
	t.Helper()
	b, err := os.ReadFile("../../../../testdata/descriptor/bip-" + bip + ".mediawiki")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(\*+) ?(.*?)<tt>(.*?)</tt>$`).FindAllStringSubmatch(string(b), -1) {
		list = append(list, published{len(m[1]), strings.TrimSuffix(strings.TrimSpace(m[2]), ":"), m[3]})
	}
	return list
}

// BIP-380, checksums: every published case.
func TestBIP380Checksums(t *testing.T) {
	n := 0
	for _, v := range vectors(t, "0380") {
		if !strings.HasPrefix(v.text, "raw(") {
			continue
		}
		n++
		// Not a multisig, so what is right is refused for its form alone.
		want := "descriptor.checksum"
		switch v.words {
		case "Valid checksum":
			want = "descriptor.form"
		case "Invalid characters in payload":
			want = "descriptor.malformed"
		}
		if _, err := Parse(v.text); fault.Code(err) != want {
			t.Errorf("%s: %s gives %v, want %s", v.words, v.text, err, want)
		}
	}
	if n != 8 {
		t.Errorf("%d cases", n)
	}
}

// BIP-380, key expressions: extended public keys with normal steps are read and
// written as they were; every invalid one is refused, and so is every private key.
func TestBIP380Keys(t *testing.T) {
	valid, good, bad := true, 0, 0
	for _, v := range vectors(t, "0380") {
		if strings.HasPrefix(v.text, "raw(") {
			continue
		}
		if v.words == "Children indicator in key origin" {
			valid = false
		}
		text := v.text
		k, err := parseKey(text)
		_, key, public := strings.Cut(text, "xpub")
		_, steps, _ := strings.Cut(key, "/")
		if valid && public && !strings.Contains(steps, "h") {
			good++
			if err != nil || k.String() != text {
				t.Errorf("%s: %s is read as %s, %v", v.words, text, k, err)
			}
			continue
		}
		bad++
		if err == nil {
			t.Errorf("%s: %s is read as %s", v.words, text, k)
		}
	}
	if good != 4 || bad < 25 {
		t.Errorf("%d good ones, %d bad ones", good, bad)
	}
}

// BIP-383: the scripts published for descriptors of extended public keys. Those for
// the top level have the same script as a witness script.
func TestBIP383(t *testing.T) {
	var d *Descriptor
	index, scripts, refused := uint32(0), 0, 0
	for _, v := range vectors(t, "0383") {
		if v.stars == 2 {
			if d == nil {
				continue
			}
			w, err := d.witness(0, index)
			if err != nil || hex.EncodeToString(w) != v.text {
				t.Errorf("index %d: %x, %v, want %s", index, w, err, v.text)
			}
			index, scripts = index+1, scripts+1
			continue
		}
		d, index = nil, 0
		if got, err := parse(v.text); err == nil {
			t.Errorf("%s is read as %s", v.text, got)
		}
		if strings.HasPrefix(v.text, "sortedmulti(") || strings.HasPrefix(v.text, "multi(") {
			if got, err := parse("wsh(" + v.text + ")"); err == nil {
				d = &got
				continue
			}
		}
		refused++
	}
	if scripts != 3 || refused != 12 {
		t.Errorf("%d scripts, %d refused", scripts, refused)
	}
}

// BIP-389: what several paths expand into, and what is no path.
func TestBIP389(t *testing.T) {
	expanded, refused := 0, 0
	var d *Descriptor
	branch := 0
	inside := regexp.MustCompile(`xpub\w+[^,)]*`)
	for _, v := range vectors(t, "0389") {
		if v.stars == 1 {
			d, branch = nil, 0
			// Other functions than ours say the same of their keys.
			keys := inside.FindAllString(v.text, -1)
			got, err := parse("wsh(multi(1," + strings.Join(keys, ",") + "))")
			switch {
			case v.words != "":
				refused++
				if v.words != "Multipath specifier in origin" && len(keys) > 0 && err == nil {
					t.Errorf("%s: %s is read as %s", v.words, v.text, got)
				}
			case len(keys) == 0: // private
			case err != nil:
				t.Errorf("%s: %v", v.text, err)
			default:
				d = &got
			}
			continue
		}
		if d == nil {
			continue
		}
		keys := inside.FindAllString(v.text, -1)
		one, err := parse("wsh(multi(1," + strings.Join(keys, ",") + "))")
		if err != nil {
			t.Fatal(err)
		}
		want, err := one.Script(0, 3)
		got, err2 := d.Script(branch, 3)
		if err != nil || err2 != nil || hex.EncodeToString(got) != hex.EncodeToString(want) {
			t.Errorf("%s, chain %d: %x, want %x", v.text, branch, got, want)
		}
		branch, expanded = branch+1, expanded+1
	}
	if _, err := parseKey("[deadbeef/<0;1>]xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB/0"); err == nil {
		t.Error("several paths in an origin were taken")
	}
	if expanded != 12 || refused != 8 {
		t.Errorf("%d expanded, %d refused", expanded, refused)
	}
}

// records gives the BSMS records of BIP-129 that set a wallet up.
func records(t testing.TB) (list []string) {
	b, err := os.ReadFile("../../../../testdata/descriptor/bip-0129.mediawiki")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?s)<pre>(BSMS 1\.0\n(?:wsh|sh)\(.*?)</pre>`).FindAllStringSubmatch(string(b), -1) {
		list = append(list, m[1])
	}
	return list
}

// BIP-129: the published wallets have the published first addresses, bare and in
// P2SH; a record whose address is another is refused.
func TestBIP129(t *testing.T) {
	taken := 0
	for _, r := range records(t) {
		w, err := Read([]byte(r))
		if strings.Contains(r, "No path restrictions") {
			if fault.Code(err) != "descriptor.malformed" {
				t.Errorf("%v", err)
			}
			continue
		}
		if err != nil || !w.Checked {
			t.Errorf("%v\n%s", err, r)
			continue
		}
		taken++
		again, err := Read([]byte(w.String()))
		if err != nil || again.ID() != w.ID() {
			t.Errorf("written and read again: %v", err)
		}
		if _, err := Read([]byte(strings.Replace(r, "multi(2", "multi(1", 1))); fault.Code(err) != "descriptor.address" {
			t.Errorf("a lower threshold: %v", err)
		}
	}
	if taken < 3 {
		t.Errorf("%d records", taken)
	}
}
