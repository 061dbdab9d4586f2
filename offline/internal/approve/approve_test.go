package approve

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"aead.dev/minisign"

	"coldsign/shared/hd"
)

const now = 1767225600 // 2026-01-01

func about() Statement {
	return Statement{
		Device: "8d4f0123456789ab", Bundle: [32]byte{1}, Words: "abandon ability able", Sequence: 7, Verdicts: [32]byte{2},
		Policy: "treasury", Version: 4, Rules: [32]byte{3}, Book: [32]byte{4}, Totals: []string{"TOTALS of the 1 request", "  ETH", "    leaves 1 ETH"},
		Expires: now + 3600,
	}
}

// TestStatement holds the whole text: who signs it elsewhere reads it.
func TestStatement(t *testing.T) {
	const want = `coldsign approval 1
device 8d4f0123456789ab
bundle 0100000000000000000000000000000000000000000000000000000000000000
words abandon ability able
sequence 7
policy treasury version 4 0300000000000000000000000000000000000000000000000000000000000000
book 0400000000000000000000000000000000000000000000000000000000000000
verdicts 0200000000000000000000000000000000000000000000000000000000000000
totals
  TOTALS of the 1 request
    ETH
      leaves 1 ETH
expires 1767229200 2026-01-01T01:00:00Z
`
	if got := string(about().Text()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	example := Statement{
		Device: "8d4f0123456789abcdef0123456789ab", Bundle: hash(t, "e91f8f28793cfa1c83704169a4cf7d403604c21761eb290f479a7da2b0f14726"),
		Words: "trouble wise skate venue soul atom assist amused", Sequence: 7,
		Verdicts: hash(t, "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f"), Policy: "treasury", Version: 4,
		Rules: hash(t, "084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5"), Expires: now + 3600,
		Book: hash(t, "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"),
		Totals: []string{"TOTALS of the 2 requests that would be signed (0 refused)", "  sepETH (eip155:11155111)",
			"    leaves   1 sepETH (1000000000000000000 base units) in 2 payments to 1 recipient", "    fees     at most 0.00126 sepETH (1260000000000000 base units)"},
	}
	if text := "    " + strings.ReplaceAll(strings.TrimSpace(string(example.Text())), "\n", "\n    ") + "\n\n"; !strings.Contains(string(doc), text) {
		t.Errorf("FORMAT.md does not hold\n%s", text)
	}
	many := about()
	many.Totals = repeated(100_000, "  !! \x1b[2J "+strings.Repeat("long ", 100))
	text := many.Text()
	if len(text) > MaxStatement || bytes.ContainsAny(text, "\x1b") || !bytes.Contains(text, []byte("  and 99800 lines more: see the review\n")) {
		t.Errorf("%d bytes for many totals", len(text))
	}
	if _, err := many.Check(text, now); err != nil {
		t.Error(err)
	}
}

func hash(t *testing.T, text string) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(b)
}

func repeated(n int, s string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

func checked(s Statement, text []byte) error {
	_, err := s.Check(text, now)
	return err
}

// Each line that differs is told by its code; the very same line is taken.
func TestATT76Statement(t *testing.T) {
	for _, c := range []struct {
		change func(*Statement)
		code   string
	}{
		{func(*Statement) {}, ""},
		{func(s *Statement) { s.Device = "8d4f0123456789ac" }, "approve.device"},
		{func(s *Statement) { s.Bundle[31] ^= 1 }, "approve.bundle"},
		{func(s *Statement) { s.Sequence++ }, "approve.sequence"},
		{func(s *Statement) { s.Verdicts[0] ^= 1 }, "approve.verdicts"},
		{func(s *Statement) { s.Policy += "2" }, "approve.policy"},
		{func(s *Statement) { s.Version-- }, "approve.policy"},
		{func(s *Statement) { s.Rules[9] ^= 1 }, "approve.policy"},
		{func(s *Statement) { s.Book = [32]byte{} }, "approve.book"},
		{func(s *Statement) { s.Book[0] ^= 1 }, "approve.book"},
		{func(s *Statement) { s.Tokens[31] = 1 }, "approve.tokens"},
		{func(s *Statement) { s.Totals[2] = "    leaves 2 ETH" }, "approve.totals"},
		{func(s *Statement) { s.Totals = s.Totals[:2] }, "approve.totals"},
		{func(s *Statement) { s.Expires = now }, "approve.expired"},
		{func(s *Statement) { s.Expires = now + 1 }, ""},
		{func(s *Statement) { s.Expires = now + MaxLife }, ""},
		{func(s *Statement) { s.Expires = now + MaxLife + 1 }, "approve.expired"},
		{func(s *Statement) { s.Expires = -1 }, "approve.format"},
		{func(s *Statement) { s.Expires = 1 << 60 }, "approve.format"},
	} {
		theirs := about()
		c.change(&theirs)
		wants(t, checked(about(), theirs.Text()), c.code)
	}
	text := about().Text()
	for n := range text {
		wants(t, checked(about(), text[:n]), "approve.format")
	}
	for _, more := range []string{" ", "\n", "expires 1767229200 2026-01-01T01:00:00Z\n"} {
		wants(t, checked(about(), append(about().Text(), more...)), "approve.format")
	}
	for _, other := range []string{"", "\n\n\n", strings.ReplaceAll(string(text), "\n", "\r\n"), strings.Repeat("x", MaxStatement+1),
		strings.Replace(string(text), "expires 17", "expires +17", 1), strings.Replace(string(text), "expires 17", "expires 017", 1)} {
		wants(t, checked(about(), []byte(other)), "approve.format")
	}
}

// approved gives an approval of batch 1 by those with the names.
func approved(t *testing.T, names ...string) Approval {
	t.Helper()
	a := About([32]byte{1})
	for _, o := range operators(t) {
		for _, n := range names {
			if o.Name == n {
				wants(t, a.Add(o), "")
			}
		}
	}
	return a
}

func operators(t *testing.T) []Operator {
	alice, _ := person(t, 1, "alice", "approver", "policy")
	bob, _ := person(t, 2, "bob", "approver")
	carol, _ := person(t, 3, "carol", "approver")
	dave, _ := person(t, 4, "dave", "policy")
	return []Operator{alice, bob, carol, dave}
}

// The table of who is enough.
func TestATT76Quorum(t *testing.T) {
	for _, c := range []struct {
		by              string
		count           int
		role, requester string
		code            string
	}{
		{"", 0, "approver", "", ""},
		{"", 1, "approver", "", "approve.missing"},
		{"alice", 1, "approver", "", ""},
		{"alice", 2, "approver", "", "approve.missing"},
		{"alice bob", 2, "approver", "", ""},
		{"alice bob", 3, "approver", "", "approve.missing"},
		{"alice bob carol", 3, "approver", "", ""},
		{"alice dave", 2, "approver", "", "approve.missing"}, // dave has another role
		{"alice dave", 2, "policy", "", ""},
		{"alice bob", 2, "", "", "approve.missing"},
		{"alice bob", -1, "approver", "", "approve.missing"},
		{"alice bob", 2, "auditor", "", "approve.missing"},
		{"alice bob", 2, "approver", "bob", "approve.requester"},
		{"alice bob", 2, "approver", " BOB ", "approve.requester"},
		{"alice bob", 2, "approver", "carol", ""},
		{"alice bob", 2, "approver", "bobby", ""},
		{"alice bob", 1, "approver", "bob", ""},
		{"alice bob carol", 2, "approver", "bob", ""},
		{"alice bob", 3, "approver", "bob", "approve.missing"},
	} {
		wants(t, approved(t, strings.Fields(c.by)...).Meets([]Need{{c.count, c.role}}, c.requester), c.code)
		if t.Failed() {
			t.Fatalf("%+v", c)
		}
	}
	var zero Approval
	wants(t, zero.Meets([]Need{{0, "approver"}}, ""), "approve.missing")
	if zero.Covers([32]byte{}) || zero.Covers([32]byte{1}) || About([32]byte{}).Covers([32]byte{}) || !About([32]byte{1}).Covers([32]byte{1}) || About([32]byte{1}).Covers([32]byte{2}) {
		t.Error("an approval covers what it is not about, or not what it is")
	}
}

// A person with two roles fills one place. Whoever approves first, the places are
// filled as well as they can be.
func TestATT76OnePersonOnePlace(t *testing.T) {
	named := map[string]Operator{}
	for n, roles := range []string{"amy a", "abe a b", "bea b c", "cat c", "all a b c"} {
		name, list, _ := strings.Cut(roles, " ")
		named[name], _ = person(t, byte(n), name, strings.Fields(list)...)
	}
	one := func(roles ...string) (needs []Need) {
		for _, r := range roles {
			needs = append(needs, Need{1, r})
		}
		return needs
	}
	for _, c := range []struct {
		by        string
		needs     []Need
		requester string
		code      string
	}{
		{"abe", one("a"), "", ""},
		{"abe", one("b"), "", ""},
		{"abe", one("a", "b"), "", "approve.missing"},
		{"abe amy", one("a", "b"), "", ""},
		{"amy abe", one("b", "a"), "", ""},
		{"abe bea cat", one("a", "b", "c"), "", ""},
		{"bea abe", one("a", "b", "c"), "", "approve.missing"},
		{"all abe bea", one("c", "b", "a"), "", ""},
		{"all abe bea", one("c", "b", "a"), "all", "approve.missing"},
		{"amy abe all", []Need{{2, "a"}, {1, "b"}}, "", ""},
		{"amy abe all", []Need{{2, "a"}, {2, "b"}}, "", "approve.missing"},
		{"amy abe all bea", []Need{{2, "a"}, {2, "b"}}, "", ""},
		{"amy abe all", []Need{{3, "a"}, {1, "b"}}, "", "approve.missing"},
	} {
		a := About([32]byte{1})
		for _, n := range strings.Fields(c.by) {
			wants(t, a.Add(named[n]), "")
		}
		wants(t, a.Meets(c.needs, c.requester), c.code)
		if t.Failed() {
			t.Fatalf("%+v", c)
		}
	}
}

// One person counts once, whatever he calls himself and his key.
func TestATT76Twice(t *testing.T) {
	alice, _ := person(t, 1, "alice", "approver")
	bob, _ := person(t, 2, "bob", "approver")
	a := About([32]byte{1})
	wants(t, a.Add(alice), "")
	wants(t, a.Add(alice), "approve.twice")
	renamed := alice
	renamed.Name, renamed.Key.id = "alicia", 5
	wants(t, a.Add(renamed), "approve.twice")
	bob.Name = "Alice "
	wants(t, a.Add(bob), "approve.twice")
	bob.Name = "bob"
	wants(t, a.Add(bob), "")
	if len(a.By()) != 2 {
		t.Errorf("%d people", len(a.By()))
	}
}

// TestWho: known keys, their own signatures, this very message.
func TestWho(t *testing.T) {
	alice, secret := person(t, 1, "alice", "approver")
	bob, _ := person(t, 2, "bob", "approver")
	list := []Operator{bob, alice}
	text := about().Text()
	for _, sig := range [][]byte{minisign.Sign(secret, text), hashed(secret, text)} {
		o, err := Who(list, text, sig)
		if err != nil || o.Name != "alice" {
			t.Errorf("%v, %v", o, err)
		}
		_, err = Who(list[:1], text, sig) // alice was struck off
		wants(t, err, "approve.key")
		_, err = Who(nil, text, sig)
		wants(t, err, "approve.key")
		_, err = Who(list, append(text, '\n'), sig)
		wants(t, err, "approve.signature")
		_, err = Who(list, nil, sig)
		wants(t, err, "approve.signature")
		// Another's key under the id that the signature names.
		mallory := Operator{"mallory", bob.Key, nil}
		mallory.Key.id = alice.Key.id
		_, err = Who([]Operator{mallory}, text, sig)
		wants(t, err, "approve.signature")
		o, err = Who([]Operator{mallory, alice}, text, sig)
		if err != nil || o.Name != "alice" {
			t.Errorf("two operators with one key id: %v, %v", o, err)
		}
		for _, bad := range [][]byte{nil, []byte("x"), append(sig, '\n'), bytes.TrimSpace(sig), bytes.ReplaceAll(sig, []byte("\n"), []byte("\r\n")),
			bytes.Replace(sig, []byte("untrusted comment: "), nil, 1), append(bytes.Repeat([]byte(" "), MaxSignature), sig...)} {
			_, err = Who(list, text, bad)
			wants(t, err, "approve.format")
		}
	}
	// The algorithm is not signed: a signature of one kind is none of the other.
	for from, to := range map[string]string{"RW": "RU", "RU": "RW"} {
		sig := hashed(secret, text)
		if from == "RW" {
			sig = minisign.Sign(secret, text)
		}
		lines := strings.SplitN(string(sig), "\n", 3)
		if !strings.HasPrefix(lines[1], from) {
			t.Fatalf("%s begins not with %s", lines[1], from)
		}
		lines[1] = to + lines[1][2:]
		_, err := Who(list, text, []byte(strings.Join(lines, "\n")))
		wants(t, err, "approve.signature")
	}
	var none Key
	if none.verifies(text, hashed(secret, text)) {
		t.Error("the zero key verifies")
	}
}

func hashed(secret minisign.PrivateKey, text []byte) []byte {
	r := minisign.NewReader(bytes.NewReader(text))
	for b := make([]byte, 64); ; {
		if _, err := r.Read(b); err != nil {
			return r.Sign(secret)
		}
	}
}

// TestParseKey: one form, and a point of which not everybody has the secret.
func TestParseKey(t *testing.T) {
	alice, _ := person(t, 1, "alice")
	good := alice.Key.String()
	if k, err := ParseKey(good); err != nil || k != alice.Key || len(good) != 56 || len(k.ID()) != 16 {
		t.Errorf("%q: %v", good, err)
	}
	raw, _ := base64.StdEncoding.DecodeString(good)
	with := func(point string) string {
		b := append(bytes.Clone(raw[:10]), make([]byte, 32)...)
		copy(b[10:], point)
		return base64.StdEncoding.EncodeToString(b)
	}
	for _, bad := range []string{"", "RW", good + "\n", good[:28] + "\n" + good[28:], good + "=", good[:55], "RU" + good[2:],
		with(""), with("\x01"), with("\xec" + strings.Repeat("\xff", 30) + "\x7f"), with("\xed" + strings.Repeat("\xff", 30) + "\x7f"), with("\x02"),
		with("\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05")} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestFlips: no signature and no statement survives a flipped bit. The untrusted
// comment is what its name says.
func TestFlips(t *testing.T) {
	alice, secret := person(t, 1, "alice", "approver")
	text, sig := about().Text(), hashed(secret, about().Text())
	comment := bytes.IndexByte(sig, '\n')
	check := func(text, sig []byte) error {
		if _, err := about().Check(text, now); err != nil {
			return err
		}
		_, err := Who([]Operator{alice}, text, sig)
		return err
	}
	wants(t, check(text, sig), "")
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		text2, sig2 := bytes.Clone(text), bytes.Clone(sig)
		for range 1 + r.IntN(3) {
			if i := r.IntN(8 * (len(text) + len(sig) - comment)); i < 8*len(text) {
				text2[i/8] ^= 1 << (i % 8)
			} else {
				i -= 8 * len(text)
				sig2[comment+i/8] ^= 1 << (i % 8)
			}
		}
		if bytes.Equal(text, text2) && bytes.Equal(sig, sig2) {
			continue // flipped back
		}
		if check(text2, sig2) == nil {
			t.Fatalf("it holds:\n%s\n%s", text2, sig2)
		}
	}
	for n := range sig {
		if check(text, sig[:n]) == nil {
			t.Fatalf("a signature of %d bytes holds", n)
		}
	}
	for i := range 8 * len(text) {
		text2 := bytes.Clone(text)
		text2[i/8] ^= 1 << (i % 8)
		if checked(about(), text2) == nil {
			t.Fatalf("it holds:\n%s", text2)
		}
	}
}

// TestSign: keys of our own making, at a cost for tests, and what goes wrong.
func TestSign(t *testing.T) {
	alice, secret := person(t, 1, "alice", "approver")
	file, text := sealed(t, secret, pass), about().Text()
	sig, key, err := Sign(file, []byte(pass), text, now)
	if err != nil || key != alice.Key {
		t.Fatalf("%v, %v", key, err)
	}
	if o, err := Who([]Operator{alice}, text, sig); err != nil || o.Name != "alice" {
		t.Errorf("%v, %v", o, err)
	}
	again, _, err := Sign(file, []byte(pass), text, now)
	if err != nil || !bytes.Equal(again, sig) {
		t.Errorf("signed again it differs: %v", err)
	}
	_, _, err = Sign(file, []byte(pass+"x"), text, now)
	wants(t, err, "operator.passphrase")
	open, _ := secret.MarshalText()
	for _, bad := range [][]byte{nil, open, []byte(alice.Key.String()), append(file, make([]byte, MaxKeyFile)...)} {
		_, _, err = Sign(bad, []byte(pass), text, now)
		wants(t, err, "operator.keyfile")
	}
	for i := 49; i < len(file)-1; i += 7 {
		bad := bytes.Clone(file)
		bad[i] ^= 4
		if sig, _, err := Sign(bad, []byte(pass), text, now); err == nil && !bytes.Equal(sig, again) {
			t.Errorf("byte %d of the key file changed, and it signs otherwise", i)
		}
	}
	_, _, err = NewKey(hd.NewSource(), []byte("1234567"))
	wants(t, err, "operator.weak-passphrase")
}

// TestStock: the minisign program takes our keys and signatures, and we take its.
func TestStock(t *testing.T) {
	dir := t.TempDir()
	text := about().Text()
	put(t, dir, "a", text)
	// Its key without a passphrase, both its kinds of signature.
	mustStock(t, dir, "", "-G", "-W", "-p", "stock.pub", "-s", "stock.key")
	line := strings.Split(string(get(t, dir, "stock.pub")), "\n")[1]
	key, err := ParseKey(line)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(get(t, dir, "stock.pub")), key.ID()) {
		t.Errorf("the key's id is %s", key.ID())
	}
	stockOp := Operator{Name: "stock", Key: key}
	for _, args := range [][]string{{"-S"}, {"-S", "-l"}, {"-S", "-t", "any \u00fc comment", "-c", "another"}} {
		mustStock(t, dir, "", append(args, "-s", "stock.key", "-m", "a")...)
		if _, err := Who([]Operator{stockOp}, text, get(t, dir, "a.minisig")); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	// Ours, made here, signs here and there.
	file, ours, err := NewKey(hd.NewSource(), []byte(pass))
	if err != nil {
		t.Fatal(err)
	}
	sig, key, err := Sign(file, []byte(pass), text, now)
	if err != nil || key != ours {
		t.Fatalf("%v, %v", key, err)
	}
	put(t, dir, "a.minisig", sig)
	mustStock(t, dir, "", "-V", "-P", ours.String(), "-m", "a")
	put(t, dir, "b", append(text, '\n'))
	if out, err := stock(t, dir, "", "-V", "-P", ours.String(), "-m", "b", "-x", "a.minisig"); err == nil {
		t.Errorf("the program takes another text: %s", out)
	}
	put(t, dir, "our.key", file)
	mustStock(t, dir, pass+"\n", "-S", "-s", "our.key", "-m", "a")
	if _, err := Who([]Operator{{Name: "we", Key: ours}}, text, get(t, dir, "a.minisig")); err != nil {
		t.Errorf("our key in the program's hands: %v", err)
	}
	// Its key with a passphrase signs here.
	mustStock(t, dir, pass+"\n"+pass+"\n", "-G", "-f", "-p", "stock.pub", "-s", "stock.key")
	sig, _, err = Sign(get(t, dir, "stock.key"), []byte(pass), text, now)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "a.minisig", sig)
	mustStock(t, dir, "", "-V", "-p", "stock.pub", "-m", "a")
}

// FuzzWho: what is taken is written in one way.
func FuzzWho(f *testing.F) {
	var t testing.T
	alice, secret := person(&t, 1, "alice", "approver")
	text := about().Text()
	f.Add(hashed(secret, text))
	f.Add(minisign.Sign(secret, text))
	f.Add([]byte("untrusted comment: \nRUQ=\ntrusted comment: \n\n"))
	f.Fuzz(func(t *testing.T, sig []byte) {
		if _, err := Who([]Operator{alice}, text, sig); err != nil {
			return
		}
		var s minisign.Signature
		if err := s.UnmarshalText(sig); err != nil || s.String() != string(sig) {
			t.Errorf("taken, and not written as minisign writes it: %q", sig)
		}
	})
}

// FuzzCheck: what is taken is the statement.
func FuzzCheck(f *testing.F) {
	f.Add(about().Text())
	f.Add([]byte("coldsign approval 1\n\nexpires 9 "))
	f.Fuzz(func(t *testing.T, text []byte) {
		if checked(about(), text) != nil {
			return
		}
		s := about()
		for s.Expires = now; s.Expires <= now+MaxLife && !bytes.Equal(s.Text(), text); s.Expires++ {
		}
		if s.Expires > now+MaxLife {
			t.Errorf("taken: %q", text)
		}
	})
}
