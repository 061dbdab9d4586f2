// Audit reads Go binaries for Linux and tells every system call that they can
// make; it fails when one is there that an air-gapped signer must not have.
//
//	go run ./scripts/audit bin/coldsign-offline
//	go run ./scripts/audit -markdown dist/coldsign-offline-*     a table for release notes
//	go run ./scripts/audit -controls                             prove that the audit can fail
//
// It exits 0 if all files are clean, 1 on a finding or a file that cannot be
// audited, 2 on wrong usage.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"coldsign/scripts/audit/elfaudit"
	"coldsign/shared/fault"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(stderr)
	asJSON := flags.Bool("json", false, "print one JSON document")
	markdown := flags.Bool("markdown", false, "print tables for release notes")
	control := flags.Bool("controls", false, "build planted programs, and fail if one of them passes the audit")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: audit [-json | -markdown] FILE...\n       audit -controls")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if *control == (flags.NArg() > 0) || *asJSON && *markdown {
		flags.Usage()
		return 2
	}
	var err error
	switch {
	case *control:
		err = runControls(stdout)
	default:
		err = auditFiles(flags.Args(), *asJSON, *markdown, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %s: %v\n", fault.Code(err), err)
		return 1
	}
	return 0
}

// result is the audit of one file.
type result struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256,omitempty"`
	elfaudit.Report
	Error string `json:"error,omitempty"` // why the file could not be audited

	err error
}

func auditFile(path string) result {
	r := result{File: path}
	file, err := read(path)
	if err == nil {
		sum := sha256.Sum256(file)
		r.SHA256 = hex.EncodeToString(sum[:])
		r.Report, err = elfaudit.Audit(file)
	}
	if err != nil {
		r.Error, r.err = err.Error(), err
	}
	return r
}

// read takes in a regular file; anything else could have no end.
func read(path string) ([]byte, error) {
	const cure = "give the path of a binary"
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New("audit.read", cure, "cannot read the file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > elfaudit.MaxFile {
		return nil, fault.New("audit.read", cure, "%q is no regular file of at most %d bytes", path, elfaudit.MaxFile)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New("audit.read", cure, "cannot read the file: %w", err)
	}
	return file, nil
}

func auditFiles(paths []string, asJSON, markdown bool, out io.Writer) error {
	var results []result
	findings := 0
	var failed error
	for _, p := range paths {
		r := auditFile(p)
		results = append(results, r)
		findings += len(r.Findings)
		if r.err != nil && failed == nil {
			failed = fault.New(fault.Code(r.err), "", "%q: %w", p, r.err)
		}
	}
	print := text
	switch {
	case asJSON:
		print = document
	case markdown:
		print = tables
	}
	if err := print(out, results); err != nil {
		return err
	}
	if failed == nil && findings > 0 {
		failed = fault.New("audit.findings", "do not ship or run this", "%d findings", findings)
	}
	return failed
}
