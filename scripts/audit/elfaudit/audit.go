// Package elfaudit reads a Go binary the way an auditor would who trusts
// neither its source nor who built it, and tells every system call that its code
// can make.
//
// It needs no symbols: a stripped Go file still has the function table that the
// runtime needs. Every function is decoded; each SYSCALL or SVC instruction is a
// root. Where the call's number is not a constant there but the function's own
// argument, the function must be one of a short list (see handsOn), and each of
// its callers becomes a place where the number must be constant. Whatever would
// go round that search is a finding: an instruction that cannot be read, another
// door into the kernel, a jump into the middle of such a function, a word or an
// instruction that takes its address.
//
// It is no proof against a compiler that lies: code that computes an address
// at run time, or that jumps into the middle of an instruction to find other
// bytes there, is left to the system-call filter that the program puts on itself.
package elfaudit

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one thing that must not be in the file.
type Finding struct {
	Function string `json:"function"`
	Address  uint64 `json:"address"`
	What     string `json:"what"`
}

func (f Finding) String() string { return fmt.Sprintf("%s at %#x: %s", f.Function, f.Address, f.What) }

func found(fn string, addr uint64, format string, args ...any) Finding {
	return Finding{fn, addr, fmt.Sprintf(format, args...)}
}

// Call is one row of the inventory: a system call and where it is made.
type Call struct {
	Number    uint64   `json:"number"`
	Name      string   `json:"name"`
	Sites     int      `json:"sites"`
	Functions []string `json:"functions"`
}

// Report is what the audit of one file found.
type Report struct {
	Arch      string    `json:"arch"`
	Functions int       `json:"functions"` // decoded
	Calls     []Call    `json:"calls"`     // by number
	Findings  []Finding `json:"findings"`  // by address
	Stray     int       `json:"stray"`     // system-call bytes that lie inside other instructions or data of the code
}

// Audit reads a whole file. With an error the file cannot be audited, which is no
// better than a finding; what was found before that is in the report.
func Audit(file []byte) (Report, error) {
	img, finds, err := open(file)
	if err != nil {
		return Report{Findings: finds}, err
	}
	a := newAuditor(img)
	a.finds = finds
	a.packages()
	a.decode()
	a.indirect()
	a.resolve()
	a.escapes()
	return a.report(), nil
}

func (a *auditor) add(f Finding) {
	if len(a.finds) < maxFindings {
		a.finds = append(a.finds, f)
		return
	}
	a.dropped++
}

func (a *auditor) report() Report {
	r := Report{Arch: a.img.arch, Functions: len(a.img.funcs), Stray: a.stray}
	for n, sites := range a.calls {
		c := Call{Number: n, Name: a.table[n].name, Sites: len(sites)}
		if c.Name == "" {
			c.Name = "unknown"
		}
		for _, s := range sites {
			c.Functions = append(c.Functions, s)
		}
		slices.Sort(c.Functions)
		c.Functions = slices.Compact(c.Functions)
		r.Calls = append(r.Calls, c)
	}
	slices.SortFunc(r.Calls, func(x, y Call) int { return cmp.Compare(x.Number, y.Number) })
	slices.SortFunc(a.finds, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.Address, y.Address), cmp.Compare(x.What, y.What), cmp.Compare(x.Function, y.Function))
	})
	r.Findings = append([]Finding{}, slices.Compact(a.finds)...)
	if a.dropped > 0 {
		r.Findings = append(r.Findings, found("audit", 0, "%d more findings", a.dropped))
	}
	return r
}
