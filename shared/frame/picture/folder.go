package picture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"coldsign/shared/fault"
)

// folder gives the pictures of the files of a folder, in the order of their
// names. A file that gives none is lost, no more.
type folder struct {
	mu     sync.Mutex // Close may come while Next is under way
	dir    string
	files  []os.DirEntry // still to come
	path   string        // of the file that is open
	src    Source        // nil when none is
	closer io.Closer
	shown  int
}

func newFolder(dir string) (*folder, error) {
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fault.New("file.read", "", "cannot open the folder %q: %w", dir, err)
	}
	defer d.Close()
	files, err := d.ReadDir(MaxFiles + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New("file.read", "", "cannot list the folder %q: %w", dir, err)
	}
	if len(files) > MaxFiles {
		return nil, fault.New("picture.folder", "give a folder with the pictures only",
			"the folder %q has more than %d entries", dir, MaxFiles)
	}
	files = slices.DeleteFunc(files, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") })
	slices.SortFunc(files, func(a, b os.DirEntry) int {
		return cmp.Or(strings.Compare(natural(a.Name()), natural(b.Name())), strings.Compare(a.Name(), b.Name()))
	})
	return &folder{dir: dir, files: files}, nil
}

func (f *folder) Next() (*Plane, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if f.src == nil {
			if len(f.files) == 0 {
				return nil, io.EOF
			}
			e := f.files[0]
			f.files = f.files[1:]
			if err := f.open(e); err != nil {
				return nil, Lost(err)
			}
		}
		p, err := f.src.Next()
		if err == nil {
			p.Time = time.Duration(f.shown) * interval
			f.shown++
			return p, nil
		}
		if !IsLost(err) {
			f.close()
		}
		if !errors.Is(err, io.EOF) {
			return nil, Lost(fmt.Errorf("%q: %w", f.path, err))
		}
	}
}

func (f *folder) open(e os.DirEntry) (err error) {
	f.path = filepath.Join(f.dir, e.Name())
	if !e.Type().IsRegular() {
		return fault.New("file.type", "", "%q is no regular file", f.path)
	}
	f.src, f.closer, err = openFile(f.path)
	return err
}

func (f *folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files = nil
	return f.close()
}

func (f *folder) close() error {
	if f.src == nil {
		return nil
	}
	f.src = nil
	return f.closer.Close()
}

// natural makes a key that sorts names as people count: frame9 before frame10.
func natural(name string) string {
	var key strings.Builder
	digits := 0
	for i := range len(name) + 1 {
		if i < len(name) && name[i] >= '0' && name[i] <= '9' {
			digits++
			continue
		}
		if digits > 0 {
			key.WriteString(strings.Repeat("0", max(0, 20-digits)) + name[i-digits:i])
			digits = 0
		}
		key.WriteString(name[i:min(i+1, len(name))])
	}
	return key.String()
}
