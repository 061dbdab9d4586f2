package bbqr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"
	"coldsign/shared/frame/parts"
	"coldsign/shared/frame/qr"
)

const dir = "../../../testdata/bbqr/"

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// join reads codes and gives the data, or nil if some are missing.
func join(t testing.TB, codes []string) (data []byte, kind byte) {
	t.Helper()
	var d Decoder
	for _, s := range codes {
		p, err := d.Add(s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Data != nil {
			if data != nil {
				t.Fatal("given out twice")
			}
			data, kind = p.Data, p.Kind
		}
	}
	return data, kind
}

// The files of the specification, cut as the reference implementation cuts them.
func TestReference(t *testing.T) {
	var vectors []struct {
		File, Encoding, Used, Sha256  string
		MaxVersion, MinSplit, Version int
		Count                         int
		Parts                         []string
	}
	if err := json.Unmarshal(file(t, "split.json"), &vectors); err != nil || len(vectors) != 180 {
		t.Fatal(len(vectors), err)
	}
	joined, deflated := 0, 0
	for _, v := range vectors {
		raw := file(t, v.File)
		s, err := Split(raw, PSBT, Options{Encoding: v.Encoding[0], MaxVersion: v.MaxVersion, MinParts: v.MinSplit})
		if v.Count == 0 {
			if !fault.Is(err, "bbqr.size") {
				t.Errorf("%+v: the reference refuses this: %v", v, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", v, err)
			continue
		}
		if v.Used != "Z" {
			sum := sha256.Sum256([]byte(strings.Join(s.Parts, "\n")))
			if s.Version != v.Version || len(s.Parts) != v.Count || hex.EncodeToString(sum[:]) != v.Sha256 {
				t.Errorf("%+v: version %d, %d parts: %.30s...", v, s.Version, len(s.Parts), s.Parts[0])
			}
		} else if s.Encoding == Deflate {
			deflated++
		}
		if data, _ := join(t, s.Parts); !bytes.Equal(data, raw) {
			t.Errorf("%+v: our own parts join to %d bytes", v, len(data))
		}
		if v.Parts != nil {
			joined++
			if data, kind := join(t, v.Parts); !bytes.Equal(data, raw) || kind != PSBT {
				t.Errorf("%+v: the parts of the reference join to %d bytes", v, len(data))
			}
		}
	}
	if joined < 10 || deflated < 40 {
		t.Errorf("only %d series of the reference joined, %d packed", joined, deflated)
	}
}

func TestRealScan(t *testing.T) {
	lines := strings.Fields(string(file(t, "real-scan.txt")))
	if len(lines) < 20 {
		t.Fatalf("%d lines", len(lines))
	}
	data, kind := join(t, lines)
	if kind != Text || !bytes.Contains(data, []byte("Zlib compressed")) {
		t.Errorf("type %c, %d bytes", kind, len(data))
	}
}

// All encodings, versions and counts, read in any order; every part fits its code.
func TestAllSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for version := 1; version <= qr.MaxVersion; version++ {
		for _, encoding := range []byte{Hex, Base32, Deflate} {
			data := make([]byte, 1+r.IntN(30*version))
			for i := range data {
				data[i] = byte(r.IntN(40))
			}
			s, err := Split(data, Binary, Options{Encoding: encoding, MinVersion: version, MaxVersion: version})
			if err != nil || s.Version != version {
				t.Fatal(version, s.Version, err)
			}
			for i, p := range s.Parts {
				if len(p) > qr.TextCapacity(version) || i < len(s.Parts)-1 && len(p) != len(s.Parts[0]) {
					t.Errorf("version %d: part %d has %d characters", version, i, len(p))
				}
			}
			r.Shuffle(len(s.Parts), func(i, j int) { s.Parts[i], s.Parts[j] = s.Parts[j], s.Parts[i] })
			if got, _ := join(t, s.Parts); !bytes.Equal(got, data) {
				t.Errorf("version %d, encoding %c: %d bytes for %d", version, encoding, len(got), len(data))
			}
		}
	}
}

// The most that fits: 1295 full codes of version 40, and not a byte more.
func TestLargest(t *testing.T) {
	for encoding, n := range map[byte]int{Hex: 2144 * MaxParts, Base32: 2680 * MaxParts} {
		data := make([]byte, n+1)
		rand.NewChaCha8([32]byte{1}).Read(data)
		s, err := Split(data[:n], Executable, Options{Encoding: encoding})
		if err != nil || s.Version != 40 || len(s.Parts) != MaxParts || s.Parts[1294][4:8] != "ZZZY" {
			t.Fatal(s.Version, len(s.Parts), err)
		}
		if got, _ := join(t, s.Parts); !bytes.Equal(got, data[:n]) {
			t.Errorf("%c: %d bytes", encoding, len(got))
		}
		if _, err := Split(data, Executable, Options{Encoding: encoding}); !fault.Is(err, "bbqr.size") {
			t.Errorf("%c: %v", encoding, err)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	one := []byte{1}
	for code, try := range map[string]func() (Series, error){
		"bbqr.type":     func() (Series, error) { return Split(one, 'p', Options{}) },
		"bbqr.encoding": func() (Series, error) { return Split(one, PSBT, Options{Encoding: 'G'}) },
		"bbqr.size":     func() (Series, error) { return Split(nil, PSBT, Options{}) },
	} {
		if _, err := try(); !fault.Is(err, code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	for _, o := range []Options{{MinParts: 2}, {MaxParts: -1}, {MinVersion: 41, MaxVersion: 41}, {MaxVersion: -1}} {
		if s, err := Split(one, PSBT, o); !fault.Is(err, "bbqr.size") {
			t.Errorf("%+v: %+v, %v", o, s, err)
		}
	}
	if _, err := Split(make([]byte, MaxData+1), PSBT, Options{}); !fault.Is(err, "bbqr.size") {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{
		"", "B$", "B$HP0100", "b$HP0100AA", "B$GP0100AA", "B$hP0100AA", "B$H10100AA", "B$Hp0100AA", // header
		"B$HP0000AA", "B$HP0101AA", "B$HP-100AA", "B$HP+100AA", "B$HPzz00AA", "B$HP1_00AA", "B$HP 100AA", // numbers
		"B$HP0100A", "B$HP0100aa", "B$HP0100AG", "B$HP0100AA ", // hex
		"B$2P0100A", "B$2P0100AAA", "B$2P0100AB", "B$2P0100AA======", "B$2P0100aa", "B$2P010018", "B$2P0100AA\n", // base 32
		"UR:BYTES/1-2/AA", "https://example.com", "B$HP0100" + strings.Repeat("AA", parts.MaxPart+1),
	} {
		var d Decoder
		if _, err := d.Add(text); !fault.Is(err, "bbqr.part") && !fault.Is(err, "parts.part") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

// What inflates to more than MaxData, to nothing, or not at all.
func TestBadDeflate(t *testing.T) {
	bomb := deflate(make([]byte, MaxData+1))
	for name, z := range map[string][]byte{
		"bomb": bomb, "nothing": deflate(nil), "cut": deflate([]byte("abcabcabc"))[:4],
		"more behind": append(deflate([]byte("abc")), 0), "noise": {0xff, 0xff, 0xff},
	} {
		s, err := Split(z, Binary, Options{Encoding: Base32})
		if err != nil {
			t.Fatal(err)
		}
		var d Decoder
		for range 2 { // the series starts again, and fails again
			for i, p := range s.Parts {
				out, err := d.Add(strings.Replace(p, "B$2", "B$Z", 1))
				if last := i == len(s.Parts)-1; out.Data != nil || fault.Is(err, "bbqr.data") != last {
					t.Errorf("%s: part %d of %d: %v", name, i, len(s.Parts), err)
				}
			}
		}
	}
	if data := make([]byte, MaxData); !bytes.Equal(inflate(deflate(data)), data) {
		t.Error("the most that is allowed is refused")
	}
}

// Interleaved series, each poisoned once: what comes out is whole, and does come out.
func TestInterleaved(t *testing.T) {
	want := map[byte][]byte{PSBT: file(t, "1in100out.psbt"), CBOR: file(t, "1in20out.psbt"), JSON: file(t, "last.txn")}
	var codes []string
	for kind, data := range want {
		s, err := Split(data, kind, Options{MaxVersion: 9, Encoding: Base32})
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, s.Parts...)
	}
	slices.Sort(codes)
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		r.Shuffle(len(codes), func(i, j int) { codes[i], codes[j] = codes[j], codes[i] })
		var d Decoder
		got := map[byte]bool{}
		poisoned := len(codes) / 2
		for n := range 4 * len(codes) {
			text := codes[n%len(codes)]
			if n == poisoned {
				text = text[:8] + strings.Repeat("A", len(text)-8)
			}
			p, _ := d.Add(text)
			if p.Data == nil {
				continue
			}
			if bytes.Equal(p.Data, want[p.Kind]) {
				got[p.Kind] = true
			} else if !bytes.Contains(p.Data, make([]byte, 32)) { // BBQr cannot know: the caller must
				t.Fatal("data that nobody sent")
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%v came out", got)
		}
	}
}

func TestState(t *testing.T) {
	raw := file(t, "1in100out.psbt")
	s, err := Split(raw, PSBT, Options{MaxVersion: 10})
	if err != nil || len(s.Parts) < 5 {
		t.Fatal(len(s.Parts), err)
	}
	var d, e Decoder
	for _, p := range s.Parts[1:] {
		if _, err := d.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	state, err := d.Save()
	if err != nil || e.Restore(state) != nil || !slices.Equal(e.Missing(s.Parts[0][:6]), []int{0}) {
		t.Fatal(err, e.Missing(s.Parts[0][:6]))
	}
	if p, err := e.Add(s.Parts[0]); err != nil || !bytes.Equal(p.Data, raw) || !p.Done || p.Series != s.Parts[0][:6] {
		t.Error(err)
	}
}

// reads inflates one block of fixed codes and tells how far back it reaches.
func reads(t *testing.T, z []byte) (out []byte, farthest int) {
	at := 0
	bit := func() int {
		b := int(z[at/8]) >> (at % 8) & 1
		at++
		return b
	}
	number := func(n int) (v int) { // Huffman codes come with their first bit highest
		for range n {
			v = v<<1 | bit()
		}
		return v
	}
	extra := func(n int) (v int) {
		for i := range n {
			v |= bit() << i
		}
		return v
	}
	if extra(3) != 3 {
		t.Fatal("not one last block with fixed codes")
	}
	lengths := [][2]int{{3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 1}, {13, 1}, {15, 1}, {17, 1},
		{19, 2}, {23, 2}, {27, 2}, {31, 2}, {35, 3}, {43, 3}, {51, 3}, {59, 3}, {67, 4}, {83, 4}, {99, 4}, {115, 4},
		{131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0}}
	distances := [][2]int{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 1}, {7, 1}, {9, 2}, {13, 2}, {17, 3}, {25, 3}, {33, 4}, {49, 4},
		{65, 5}, {97, 5}, {129, 6}, {193, 6}, {257, 7}, {385, 7}, {513, 8}, {769, 8}}
	for {
		s := number(7)
		switch {
		case s < 24:
			s += 256
		case s < 96:
			s = s<<1 | number(1)
			s -= 48
		case s < 100:
			s = s<<1 | number(1)
			s += 280 - 192
		default:
			s = s<<2 | number(2)
			s += 144 - 400
		}
		if s == 256 {
			return out, farthest
		}
		if s < 256 {
			out = append(out, byte(s))
			continue
		}
		l := lengths[s-257]
		n := l[0] + extra(l[1])
		d := distances[number(5)]
		distance := d[0] + extra(d[1])
		farthest = max(farthest, distance)
		for range n {
			out = append(out, out[len(out)-distance])
		}
	}
}

// What we pack is read by a reader that has no more than the window it may have.
func TestReach(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	inputs := [][]byte{nil, {0}, []byte("aaaaaaaaa"), bytes.Repeat([]byte{0}, 5000), bytes.Repeat([]byte("0123456789abcdef"), 600)}
	for _, name := range []string{"1in1000out.psbt", "1in100out.psbt", "finalized-by-ckcc.txn", "signed.txn"} {
		inputs = append(inputs, file(t, name))
	}
	for period := 700; period < 1100; period += 13 { // repeats just within reach, and just beyond
		b := make([]byte, period)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		inputs = append(inputs, bytes.Repeat(b, 3))
	}
	farthest := 0
	for _, in := range inputs {
		z := deflate(in)
		got, far := reads(t, z)
		if !bytes.Equal(got, in) {
			t.Fatalf("%d bytes read as %d", len(in), len(got))
		}
		if fromLibrary := inflate(z); !bytes.Equal(fromLibrary, in) && len(in) > 0 {
			t.Fatalf("%d bytes read by compress/flate as %d", len(in), len(fromLibrary))
		}
		farthest = max(farthest, far)
	}
	if farthest > reach || farthest < reach-30 {
		t.Errorf("reaches back %d", farthest)
	}
}

// The sizes that zlib 1.2.13 reaches with wbits -10, level 9 and Z_FIXED.
func TestPacksAsZlib(t *testing.T) {
	for name, want := range map[string]int{"1in1000out.psbt": 23559, "1in100out.psbt": 2750, "1in10out.psbt": 670,
		"1in20out.psbt": 896, "1in2out.psbt": 458, "last.txn": 530, "signed.txn": 81944} {
		if got := len(deflate(file(t, name))); got > want+1 {
			t.Errorf("%s takes %d bytes, zlib %d", name, got, want)
		}
	}
}

// FuzzAdd: a code that is accepted has no other form, and no code breaks a decoder.
func FuzzAdd(f *testing.F) {
	seeds := strings.Fields(string(file(f, "real-scan.txt")))
	for _, s := range append(seeds[:3], "B$HP0100AA", "B$2P0100AE", "B$ZC0100BMAA") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d Decoder
		p, err := d.Add(text)
		if err != nil {
			return
		}
		if p.Data != nil && p.Encoding != Deflate {
			s, err := Split(p.Data, p.Kind, Options{Encoding: p.Encoding, MaxVersion: 40})
			if err != nil || len(s.Parts) != 1 && len(text) < 4000 || len(s.Parts) == 1 && s.Parts[0] != text {
				t.Fatalf("%q is written %q, %v", text, s.Parts, err)
			}
		}
		if p.Have != 1 || p.Done != (p.Total == 1) || p.Done != (p.Data != nil) || fmt.Sprintf("B$%c%c", p.Encoding, p.Kind) != text[:4] {
			t.Fatalf("%+v", p)
		}
	})
}

// FuzzDeflate: what is packed is unpacked, by the library and within reach.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte("abcabcabcabc"))
	f.Add(bytes.Repeat([]byte{0, 1, 2}, 400))
	f.Fuzz(func(t *testing.T, in []byte) {
		z := deflate(in)
		if len(in) > 0 && !bytes.Equal(inflate(z), in) {
			t.Fatal("compress/flate reads something else")
		}
		if out, far := reads(t, z); !bytes.Equal(out, in) || far > reach {
			t.Fatalf("reaches back %d", far)
		}
	})
}
