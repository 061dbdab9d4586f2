// Package document reads the operators' files: TOML that people write, sign and
// compare. It takes less than TOML: printable ASCII, bare lower-case keys, no
// strings over several lines, no unknown key. So two readers cannot see different
// rules in one file, and the library's parser never sees what would exhaust it.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Decode reads a whole file of at most limit bytes into v.
func Decode(raw []byte, limit int, v any) error {
	if err := Size(raw, limit); err != nil {
		return err
	}
	if err := walk(raw, func(int, int, string) {}); err != nil {
		return err
	}
	return decode(raw, 0, v)
}

// Records reads a file of records: what stands before the first [[table]] goes to
// head, each table to a T.
func Records[T any](raw []byte, limit int, table string, head any) ([]T, error) {
	if err := Size(raw, limit); err != nil {
		return nil, err
	}
	type cut struct{ line, at int }
	var cuts []cut
	var other error
	n := 0
	err := walk(raw, func(line, at int, text string) {
		switch {
		case text == "[["+table+"]]":
			if n%perChunk == 0 {
				cuts = append(cuts, cut{line, at})
			}
			n++
		case text[0] == '[' && other == nil:
			other = At(line, "only [[%s]] stands here, not %s", table, quote.Line(text))
		}
	})
	if err = errors.Join(err, other); err != nil {
		return nil, First(err)
	}
	cuts = append(cuts, cut{at: len(raw)})
	if err := decode(raw[:cuts[0].at], 0, head); err != nil {
		return nil, err
	}
	list := make([]T, 0, n)
	for i, c := range cuts[:len(cuts)-1] {
		var chunk map[string][]T
		if err := decode(raw[c.at:cuts[i+1].at], c.line-1, &chunk); err != nil {
			return nil, err
		}
		list = append(list, chunk[table]...)
	}
	return list, nil
}

// First undoes errors.Join: one line is told.
func First(err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()[0]
	}
	return err
}

// Size refuses a file of more than limit bytes.
func Size(raw []byte, limit int) error {
	if len(raw) > limit {
		return fault.New("document.size", "", "the file has %d bytes, and %d are allowed", len(raw), limit)
	}
	return nil
}

// IsKind refuses a file that calls itself something else than what it is read as: one
// that was signed as the one is not taken as the other. Files made before there was
// the key do not have it.
func IsKind(raw []byte, kind, want string) error {
	if kind == "" || kind == want {
		return nil
	}
	return Within(Line(raw, "", 0, "kind"), fault.New("document.kind", "give a file of kind = \""+want+"\"", "this file is of kind %s, not %q", quote.String(kind), want))
}

// Tells refuses a file that says in no way what it is: without records, only its kind
// could, and those who sign it would sign it as anything.
func Tells(kind, want string, records int) error {
	if kind != "" || records > 0 {
		return nil
	}
	return fault.New("document.kind", "write kind = \""+want+"\" as its first line, and have it signed as it is then", "the file is empty, and does not say what it is")
}

// At is an error at a line; 0 is no line in particular.
func At(line int, format string, args ...any) error {
	where := ""
	if line > 0 {
		where = fmt.Sprintf("line %d: ", line)
	}
	return fault.New("document.syntax", "mend the file", "%s", where+fmt.Sprintf(format, args...))
}

// Within says on which line an error was found.
func Within(line int, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || line == 0 {
		return err
	}
	return fault.New(f.Code, f.Cure, "line %d: %s", line, f.What)
}

// Line finds the line of a key in the n-th (from 0) table of a name, or of the
// table's head if it has no such key.
func Line(raw []byte, table string, n int, key string) (found int) {
	seen, inside := -1, table == ""
	_ = walk(raw, func(line, _ int, text string) {
		switch {
		case text == "["+table+"]", text == "[["+table+"]]":
			seen++
			if inside = seen == n; inside {
				found = line
			}
		case text[0] == '[':
			inside = false
		case inside && text == key:
			found = line
		}
	})
	return found
}

// decode gives checked text to the library. Its keys ignore case and it passes over
// those that v does not have; neither is accepted here.
func decode(raw []byte, before int, v any) error {
	md, err := toml.Decode(string(raw), v)
	if err != nil {
		line, what := 0, err.Error()
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			line, what = p.Position.Line, p.Message
		} else if _, rest, ok := strings.Cut(what, "): "); ok {
			fmt.Sscanf(what, "toml: line %d", &line)
			what = rest
		}
		if line > 0 {
			line += before
		}
		return At(line, "%s", quote.Line(what))
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		k := unknown[0]
		line := 0
		_ = walk(raw, func(n, _ int, text string) {
			if line == 0 && (text == k[len(k)-1] || text == "["+k.String()+"]" || text == "[["+k.String()+"]]") {
				line = n + before
			}
		})
		return At(line, "the key %s is not known here", quote.Line(k.String()))
	}
	return nil
}

// walk checks the text and calls f for each line that begins a table or a key: with
// its number, where it begins, and the key, or the head without spaces.
func walk(raw []byte, f func(line, at int, text string)) error {
	depth, line := 0, 0
	for at := 0; at < len(raw); {
		line++
		end := bytes.IndexByte(raw[at:], '\n')
		if end < 0 {
			end = len(raw) - at
		}
		before := depth
		code, err := scan(bytes.TrimSuffix(raw[at:at+end], []byte{'\r'}), line, &depth)
		if err != nil {
			return err
		}
		if before == 0 && len(code) > 0 {
			head := string(code)
			if code[0] == '[' {
				if depth != 0 || strings.ContainsAny(head, `"'`) {
					return At(line, "the head of a table is a bare name in brackets")
				}
				head = strings.Join(strings.Fields(head), "")
			} else {
				key, _, ok := strings.Cut(head, "=")
				if !ok || len(strings.TrimSpace(key)) == 0 {
					return At(line, "neither a table nor key = value")
				}
				head = strings.TrimSpace(key)
			}
			f(line, at, head)
		}
		at += end + 1
	}
	if depth != 0 {
		return At(line, "a bracket is not closed")
	}
	return nil
}

// scan checks one line, follows its brackets, and gives it without its comment.
func scan(text []byte, line int, depth *int) (code []byte, err error) {
	var in, last byte // the quote of the string that we are in; what came before, spaces apart
	dots, closed, comment := 0, false, len(text)
	for i, c := range text {
		switch {
		case c != '\t' && (c < 0x20 || c > 0x7e):
			return nil, At(line, "byte 0x%02x: only printable ASCII is taken", c)
		case i > comment:
		case c == '\\':
			return nil, At(line, "a backslash: text stands as it is meant")
		case in != 0:
			if c == in {
				in, closed = 0, true
			}
		case c == '#':
			comment = i
		case closed && !strings.ContainsRune(",]} \t", rune(c)):
			return nil, At(line, "something follows a string: keys are bare words, and a string ends on its line")
		case c == '"' || c == '\'':
			in = c
		case c >= 'A' && c <= 'Z':
			return nil, At(line, "an upper-case letter outside a string: keys are lower case")
		case (c == '-' || c == '+') && strings.IndexByte("=,[", last) >= 0: // the library makes 2^64-1 of -1
			return nil, At(line, "a number has no sign")
		case c == '[' || c == '{':
			*depth++
		case c == ']' || c == '}':
			*depth--
			closed = false
		case c == ',':
			closed = false
		case c == '.':
			dots++
		}
		if c != ' ' && c != '\t' {
			last = c
		}
		if *depth < 0 || *depth > maxDepth || dots > maxDots {
			return nil, At(line, "brackets or dots that no such file needs")
		}
	}
	if in != 0 {
		return nil, At(line, "a string is not closed on its line")
	}
	return bytes.TrimSpace(text[:comment]), nil
}
