// Command mutate breaks the policy, one comparison at a time, and runs its tests on
// each broken copy: a copy that passes shows a rule that no test holds. It changes no
// file: the Go command reads the copies from an overlay.
//
//	go run ./scripts/mutate             # offline/internal/policy
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const target = "offline/internal/policy"

// swaps are what a comparison is broken into.
func swaps() map[token.Token][]token.Token {
	return map[token.Token][]token.Token{
		token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
		token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND},
		token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "coldsign-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files := os.Args[1:]
	if len(files) == 0 {
		if files, err = filepath.Glob(filepath.Join(target, "*.go")); err != nil {
			return err
		}
	}
	broken, survived := 0, 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "explain.go" {
			continue
		}
		list, err := mutants(file)
		if err != nil {
			return err
		}
		for _, m := range list {
			dead, err := m.killed(dir, file)
			if err != nil {
				return err
			}
			broken++
			if !dead {
				survived++
				fmt.Printf("SURVIVED %s: %s\n", m.where, m.what)
			}
		}
	}
	fmt.Printf("%d broken copies, %d found by the tests\n", broken, broken-survived)
	if broken < 50 {
		return fmt.Errorf("only %d copies: this looks in the wrong place", broken)
	}
	return nil
}

// mutant is a broken copy of one file.
type mutant struct {
	where, what string
	text        []byte
}

func mutants(file string) (list []mutant, err error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	keep := func(n ast.Node, what string) {
		var b bytes.Buffer
		if err := format.Node(&b, fset, tree); err == nil {
			list = append(list, mutant{fset.Position(n.Pos()).String(), what, b.Bytes()})
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BinaryExpr:
			was := x.Op
			for _, op := range swaps()[was] {
				x.Op = op
				keep(x, was.String()+" as "+op.String())
			}
			x.Op = was
		case *ast.UnaryExpr:
			if x.Op == token.NOT {
				was := x.X
				x.X = &ast.UnaryExpr{Op: token.NOT, X: was}
				keep(x, "! left out")
				x.X = was
			}
		case *ast.BasicLit:
			if x.Kind == token.INT {
				was := x.Value
				x.Value = was + "+1"
				keep(x, was+" as "+was+"+1")
				x.Value = was
			}
		}
		return true
	})
	return list, nil
}

// killed tells whether a test fails, or the copy does not even compile.
func (m mutant) killed(dir, file string) (bool, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return false, err
	}
	copied, overlay := filepath.Join(dir, "copy.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: copied}})
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(copied, m.text, 0o600); err != nil {
		return false, err
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return false, err
	}
	return exec.Command("go", "test", "-vet=off", "-overlay", overlay, "-timeout", "60s", "./"+target).Run() != nil, nil
}
