package journal

import (
	"bytes"
	"encoding/binary"

	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// MaxCopy bounds a copy.
const MaxCopy = maxFile

// countSize is what ends a copy: four zero bytes, where an entry would have its
// length, and the number of entries.
const countSize = 4 + 8

// Copy gives the journal as a file that needs no other: whole entries, and their
// count at the end, so that a copy cut short is noticed. Check reads it.
func Copy(home string) ([]byte, error) {
	j, err := Open(home, nil)
	if err != nil {
		return nil, err
	}
	raw, err := durable.Read(j.path, maxFile)
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) < j.size {
		return nil, j.damaged("it changed while it was read")
	}
	raw = binary.BigEndian.AppendUint64(append(raw[:j.size:j.size], 0, 0, 0, 0), uint64(len(j.entries)))
	_, err = Check(raw)
	return raw, err
}

// Check verifies a copy with nothing but itself: the device's key is in the first
// entry. The error names the first entry that was changed, moved or left out.
func Check(raw []byte) (*Journal, error) {
	j := at("", nil)
	if !bytes.HasPrefix(raw, []byte(magic)) {
		return nil, j.damaged("no journal header")
	}
	rest := raw[len(magic):]
	for len(rest) < 4 || binary.BigEndian.Uint32(rest) != 0 {
		body, sig, n := split(rest)
		if n <= 0 {
			return nil, j.cut("entry %d is missing or not whole", len(j.entries)+1)
		}
		if err := j.accept(body, sig); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	n := uint64(len(j.entries))
	switch {
	case len(rest) != countSize:
		return nil, j.cut("entry %d is missing or not whole, or the count is", n+1)
	case binary.BigEndian.Uint64(rest[4:]) != n:
		return nil, j.cut("entry %d is missing, or the count of %d is wrong", n+1, binary.BigEndian.Uint64(rest[4:]))
	case n == 0:
		return nil, j.damaged("it holds no entry")
	}
	return j, nil
}

func (j *Journal) cut(format string, args ...any) error {
	return fault.New("journal.truncated", "stop; compare with an earlier copy and with the head that was written down; a whole copy is made by journal export --format raw", "the journal was cut: "+format, args...)
}

// Knows reports whether an entry has this hash: the head of a time before. Without
// it the journal was put back, or is another.
func (j *Journal) Knows(hash [32]byte) bool {
	for _, e := range j.entries[1:] {
		if e.Previous == hash {
			return true
		}
	}
	return j.last == hash
}
