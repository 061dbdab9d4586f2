package carry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"coldsign/online/internal/crossing"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
	lines "coldsign/shared/frame/scan"
)

// fromFile takes a file: a message that is whole (a bundle, a PSBT), codes as lines,
// or a picture or film of codes. What is only a part goes on with the scan that the
// page names, or begins one.
func (g *Gap) fromFile(w http.ResponseWriter, r *http.Request) error {
	s, err := g.scanOf(r.URL.Query())
	if err != nil {
		return err
	}
	leave, err := enter(r.Context(), g.files) // before any of it is read: large ones would fill the memory
	if err != nil {
		return err
	}
	defer leave()
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxFile))
	if err != nil {
		return fault.New("carry.size", "", "the file is larger than any bundle, or did not arrive")
	}
	notes, err := g.open(r.Context(), s, raw)
	if err != nil {
		return err
	}
	g.put(s)
	reply(w, http.StatusOK, s.told(notes))
	return nil
}

// scanOf finds the scan that a page names, or makes one.
func (g *Gap) scanOf(q url.Values) (*scan, error) {
	if id := q.Get("scan"); id != "" {
		s, err := g.scan(id)
		if err == nil && s.kind != q.Get("kind") {
			err = wrong("the page named a scan of another kind")
		}
		return s, err
	}
	return newScan(q.Get("kind"), crossing.Of{Testnet: q.Get("testnet") == "true"})
}

// open takes in what a file holds.
func (g *Gap) open(ctx context.Context, s *scan, raw []byte) (notes []string, err error) {
	if len(raw) == 0 {
		return nil, fault.New("carry.file", "choose another one", "the file is empty")
	}
	src, err := picture.New(bytes.NewReader(raw))
	if err == nil {
		return g.film(ctx, s, src)
	} else if !fault.Is(err, "picture.format") {
		return nil, err
	}
	m, err := frame.FromFile(raw)
	if fault.Is(err, "scan.incomplete") || err == nil && typed(raw) {
		return s.lines(ctx, raw)
	}
	if err != nil {
		return nil, err
	}
	f, _ := wanted(s.kind)
	if err := f(m); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.message == nil {
		s.message = &m
	}
	return nil, nil
}

// film reads the codes of pictures, one picture at a time of those that are read at
// once here.
func (g *Gap) film(ctx context.Context, s *scan, src picture.Source) (notes []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, filmTime)
	defer cancel()
	read := func(p *picture.Plane) []reader.Symbol {
		select {
		case g.readers <- struct{}{}:
			defer func() { <-g.readers }()
			return s.reader.Read(p)
		case <-ctx.Done():
			return nil
		}
	}
	found := 0
	stats, err := lines.Run(ctx, src, read, false, func(symbols []reader.Symbol) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range symbols {
			found++
			notes = noted(notes, s.add(c.Content()))
		}
		return s.message != nil
	})
	switch {
	case ctx.Err() != nil, fault.Is(err, "scan.stuck"), found == 0 && fault.Is(stats.Loss, "scan.stuck"):
		return nil, fault.New("carry.film", "bring fewer pictures at a time, or try again when less is going on here", "looking at the pictures takes too long")
	case err != nil:
		return nil, err
	case found > 0:
		return notes, nil
	case stats.Loss != nil:
		return nil, stats.Loss
	}
	return nil, fault.New("carry.picture", "take the picture again: flat, sharp and whole, with the white around the code", "no code can be read in the picture")
}

// lines takes in codes as a scanner types them, one to a line.
func (s *scan) lines(ctx context.Context, raw []byte) (notes []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = lines.Lines(ctx, bytes.NewReader(raw), func(line []byte) bool {
		if f, ok := lines.ParseFrameLine(string(line)); ok {
			line = f
		}
		notes = noted(notes, s.add(line))
		return s.message != nil
	})
	return notes, err
}

// noted adds what is to be told, if it is anything and there is room for it.
func noted(notes []string, note string) []string {
	if note == "" || len(notes) >= maxNotes {
		return notes
	}
	return append(notes, note)
}

// typed reports whether a file has native codes as lines, which begin so.
func typed(raw []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimLeft(raw[:min(len(raw), maxLine)], "\r\n"), []byte("\n"))
	_, ok := lines.ParseFrameLine(string(bytes.TrimRight(first, "\r")))
	return ok
}
