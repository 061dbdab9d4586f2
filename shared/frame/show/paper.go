package show

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
)

// An A4 sheet in points of 1/72 inch, and what stands on it.
const (
	paperWidth, paperHeight = 595, 842
	margin                  = 36
	perRow, perColumn       = 2, 3
	maxSheets               = 500
)

// PDF makes sheets of A4 with six codes each, numbered, drawn as rectangles: sharp
// on every printer. The title stands on each sheet.
func PDF(title string, frames Stream, count uint64) ([]byte, error) {
	each := uint64(perRow * perColumn)
	sheets := (count + each - 1) / each
	if sheets > maxSheets {
		return nil, fault.New("show.size", "use --profile dense, or another way than paper", "%d sheets of paper are too many", sheets)
	}
	// Objects: 1 catalog, 2 pages, 3 font, then a page and its content for each sheet.
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"}
	var kids strings.Builder
	for s := range sheets {
		content, err := sheet(title, frames, s, sheets, count)
		if err != nil {
			return nil, err
		}
		page := len(objects) + 1
		fmt.Fprintf(&kids, "%d 0 R ", page)
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>", paperWidth, paperHeight, page+1),
			fmt.Sprintf("<</Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream", len(content), content))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", sheets, kids.String())
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes(), nil
}

// sheet is the content of one page.
func sheet(title string, frames Stream, s, sheets, count uint64) (string, error) {
	var b strings.Builder
	text := func(x, y float64, size int, t string) {
		fmt.Fprintf(&b, "BT /F %d Tf %.2f %.2f Td (%s) Tj ET\n", size, x, y, quoted(t))
	}
	text(margin, paperHeight-margin, 9, title)
	text(margin, margin/2, 9, fmt.Sprintf("sheet %d of %d", s+1, sheets))
	cellWidth, cellHeight := float64(paperWidth-2*margin)/perRow, float64(paperHeight-3*margin)/perColumn
	for k := range uint64(perRow * perColumn) {
		n := s*perRow*perColumn + k
		if n >= count {
			break
		}
		m, err := frames(n)
		if err != nil {
			return "", err
		}
		left := margin + float64(k%perRow)*cellWidth
		top := float64(paperHeight-margin-14) - float64(k/perRow)*cellHeight
		px := (min(cellWidth, cellHeight) - 14) / float64(m.Size+2*qr.QuietZone)
		code(&b, m, left+px*qr.QuietZone, top-px*qr.QuietZone, px)
		text(left+px*qr.QuietZone, top-px*float64(m.Size+2*qr.QuietZone)-9, 8, fmt.Sprintf("%d of %d", n+1, count))
	}
	var packed strings.Builder
	w := zlib.NewWriter(&packed)
	w.Write([]byte(b.String())) // neither fails on a Builder
	w.Close()
	return packed.String(), nil
}

// quoted is the inside of a string: printable ASCII, which all fonts have.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(s)
}

// code draws runs of dark modules, with the module as the unit and y downwards. It
// is one path, which printers fill without light lines between the rows.
func code(b *strings.Builder, m qr.Matrix, left, top, px float64) {
	fmt.Fprintf(b, "q %.3f 0 0 %.3f %.3f %.3f cm\n", px, -px, left, top)
	for y := range m.Size {
		for x := 0; x < m.Size; x++ {
			from := x
			for m.At(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(b, "%d %d %d 1 re\n", from, y, x-from)
			}
		}
	}
	b.WriteString("f Q\n")
}
