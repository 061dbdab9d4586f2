package qr

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"

	"coldsign/shared/fault"
)

// noise gives bytes of every value, with a run of digits that an encoder could
// take for a segment of its own.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	copy(b[n/3:], "0123456789012345678901234567890123456789012345678901234567890123")
	return b
}

// decode reads a symbol with gozxing: its data codewords and its byte segments.
func decode(t *testing.T, m Matrix) (raw []byte, segments [][]byte, text string) {
	t.Helper()
	rows := make([][]bool, m.Size)
	for y := range rows {
		rows[y] = m.Dark[y*m.Size:][:m.Size]
	}
	r, err := decoder.NewDecoder().DecodeBoolMap(rows, map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_CHARACTER_SET: "ISO-8859-1", // what it tries for bytes; never matters for ASCII
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.GetErrorsCorrected() != 0 {
		t.Fatalf("%d errors in a symbol that nobody touched", r.GetErrorsCorrected())
	}
	if r.GetECLevel() != "L" {
		t.Fatalf("level %s", r.GetECLevel())
	}
	return r.GetRawBytes(), r.GetByteSegments(), r.GetText()
}

func TestBytes(t *testing.T) {
	var e Encoder
	for version := MinVersion; version <= MaxVersion; version++ {
		for mask := range Masks {
			full := ByteCapacity(version)
			for _, n := range []int{0, 1, full - 1, full} {
				if n < full-1 && mask > 0 {
					continue
				}
				data := noise(n, uint64(version*8+mask))
				m, err := e.Bytes(data, version, mask)
				if err != nil {
					t.Fatal(err)
				}
				if m.Size != Size(version) || len(m.Dark) != m.Size*m.Size {
					t.Fatalf("version %d: %d modules a side", version, m.Size)
				}
				raw, segments, _ := decode(t, m)
				if n > 0 && (len(segments) != 1 || !bytes.Equal(segments[0], data)) {
					t.Fatalf("version %d mask %d, %d bytes: read as %d segments", version, mask, n, len(segments))
				}
				// Mode 0100, then the count: 8 bits up to version 9, else 16. What follows is
				// the end (0000), or nothing if the symbol is full.
				bits := ""
				for _, b := range raw {
					bits += strconv.FormatUint(1<<8|uint64(b), 2)[1:]
				}
				head := 12
				if version > 9 {
					head = 20
				}
				count, _ := strconv.ParseUint(bits[4:head], 2, 16)
				rest := bits[head+8*n:]
				if bits[:4] != "0100" || int(count) != n || !strings.HasPrefix(rest, "0000") {
					t.Fatalf("version %d, %d bytes: starts %s, ends %q", version, n, bits[:head], rest[:min(len(rest), 8)])
				}
			}
		}
	}
}

// The capacities of ISO/IEC 18004:2015, table 7, level L.
func TestCapacity(t *testing.T) {
	text := []int{25, 47, 77, 114, 154, 195, 224, 279, 335, 395, 468, 535, 619, 667, 758, 854, 938, 1046, 1153, 1249,
		1352, 1460, 1588, 1704, 1853, 1990, 2132, 2223, 2369, 2520, 2677, 2840, 3009, 3183, 3351, 3537, 3729, 3927, 4087, 4296}
	bytes := []int{17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792, 858,
		929, 1003, 1091, 1171, 1273, 1367, 1465, 1528, 1628, 1732, 1840, 1952, 2068, 2188, 2303, 2431, 2563, 2699, 2809, 2953}
	for i := range MaxVersion {
		if TextCapacity(i+1) != text[i] || ByteCapacity(i+1) != bytes[i] {
			t.Errorf("version %d holds %d characters or %d bytes, not %d or %d",
				i+1, TextCapacity(i+1), ByteCapacity(i+1), text[i], bytes[i])
		}
	}
	if ByteCapacity(0) != 0 || ByteCapacity(41) != 0 || TextCapacity(-1) != 0 {
		t.Error("a version that does not exist holds something")
	}
}

// A symbol holds what TextCapacity says however the text is made up, digits at the
// ends included, and not one character more.
func TestText(t *testing.T) {
	var e Encoder
	r := rand.New(rand.NewPCG(1, 2))
	for version := MinVersion; version <= MaxVersion; version++ {
		n := TextCapacity(version)
		for _, alphabet := range []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEF", "00000000000000000A", "AB/-: $%*+."} {
			s := make([]byte, n)
			for i := range s {
				s[i] = alphabet[r.IntN(len(alphabet))]
			}
			s[r.IntN(n)] = 'Z'
			for _, ask := range []int{version, 0} {
				m, err := e.Text(string(s), ask)
				if err != nil {
					t.Fatal(err)
				}
				if m.Size > Size(version) || ask != 0 && m.Size != Size(version) {
					t.Fatalf("%d characters of %q for version %d take %d modules", n, alphabet, ask, m.Size)
				}
				if _, segments, text := decode(t, m); text != string(s) || len(segments) != 0 {
					t.Fatalf("version %d reads %q for %q", ask, text, s)
				}
			}
		}
		if m, err := e.Text(strings.Repeat("A", n), 0); err != nil || m.Size != Size(version) {
			t.Errorf("version %d is not the smallest that holds %d letters: %d, %v", version, n, m.Size, err)
		}
		if _, err := e.Text(strings.Repeat("A", n+1), version); !fault.Is(err, "qr.capacity") {
			t.Errorf("version %d takes %d letters: %v", version, n+1, err)
		}
	}
	if m, err := e.Text("cHNidP8BAHUCAAAAASaBcTce3/KF6Tet7qSze3g=", 0); err != nil {
		t.Error(err)
	} else if _, _, text := decode(t, m); text != "cHNidP8BAHUCAAAAASaBcTce3/KF6Tet7qSze3g=" {
		t.Errorf("reads %q", text)
	}
}

func TestRefused(t *testing.T) {
	var e Encoder
	for code, try := range map[string]func() (Matrix, error){
		"qr.version":  func() (Matrix, error) { return e.Bytes(nil, 1, Masks) },
		"qr.capacity": func() (Matrix, error) { return e.Bytes(make([]byte, 2954), 40, 0) },
	} {
		if _, err := try(); !fault.Is(err, code) {
			t.Errorf("want %s: %v", code, err)
		}
	}
	for _, version := range []int{-1, 0, 41} {
		if _, err := e.Bytes(nil, version, 0); !fault.Is(err, "qr.version") {
			t.Errorf("byte version %d: %v", version, err)
		}
		if _, err := e.Text("A", version); err == nil && version != 0 {
			t.Errorf("text version %d", version)
		}
	}
	if _, err := e.Text("", 0); err == nil {
		t.Error("an empty text")
	}
	if _, err := e.Text(strings.Repeat("A", 4297), 0); !fault.Is(err, "qr.capacity") {
		t.Error(err)
	}
}

// zbar is not the reader that the rest of the tests use, nor of its family.
func TestZbar(t *testing.T) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		t.Fatal("zbarimg is not installed; run scripts/interop/install.sh")
	}
	var e Encoder
	for version := MinVersion; version <= MaxVersion; version++ {
		args := []string{"--raw", "-q", "-Sbinary"}
		var want []byte
		dir := t.TempDir()
		for i := range 2 { // all eight would take zbar a quarter of a minute
			mask := (version + 4*i) % Masks
			data := noise(ByteCapacity(version), uint64(version*8+mask))
			m, err := e.Bytes(data, version, mask)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, strconv.Itoa(mask)+".png")
			write(t, name, m, 3)
			args, want = append(args, name), append(want, data...)
		}
		got, err := exec.Command("zbarimg", args...).Output()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("version %d: zbar reads %d of %d bytes, or others: %v", version, len(got), len(want), err)
		}
	}
}

func write(t *testing.T, name string, m Matrix, scale int) {
	side := (m.Size + 2*QuietZone) * scale
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			if !m.At(x/scale-QuietZone, y/scale-QuietZone) {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkBytes(b *testing.B) {
	for _, version := range []int{10, 20, 27, 40} {
		b.Run(strconv.Itoa(version), func(b *testing.B) {
			var e Encoder
			data := noise(ByteCapacity(version), 1)
			for n := 0; b.Loop(); n++ {
				if _, err := e.Bytes(data, version, n%Masks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
