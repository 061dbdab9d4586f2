package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestError(t *testing.T) {
	e := New("file.read", "try again", "cannot read %q: %w", "a", io.ErrUnexpectedEOF)
	if e.Error() != `cannot read "a": unexpected EOF; try again` || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("%v", e)
	}
	wrapped := fmt.Errorf("row 3: %w", e)
	if Code(wrapped) != "file.read" || !Is(wrapped, "file.read") || Is(wrapped, "file.write") {
		t.Errorf("code %q", Code(wrapped))
	}
	if Code(io.EOF) != "internal" || Is(nil, "internal") {
		t.Error("an error without a code, or none")
	}
	if got := New("a.b", "", "x").Error(); got != "x" {
		t.Errorf("without a cure: %q", got)
	}
}
