// Logcheck reads a C2SP tlog-tiles log over HTTP with the Go project's own packages and accepts or refuses it.
//
//	logcheck URL VERIFIER-KEY
//
// It opens the signed checkpoint, hashes every entry of every bundle, compares each with the tile that the checkpoint's
// root authenticates, and proves a sample of the entries. It prints the size, or exits with 1 and the reason.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
	sample = 17
)

type remote struct{ url string }

func (r remote) get(path string) ([]byte, error) {
	answer, err := http.Get(r.url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

func (r remote) Height() int { return height }

func (r remote) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		data, err := r.get(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (r remote) SaveTiles([]tlog.Tile, [][]byte) {}

// bundle returns the entries of a bundle.
func (r remote) bundle(number, count int64) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: 0, N: number, W: int(count)}
	data, err := r.get(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("bundle is cut short")
		}
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, errors.New("bundle is cut short")
		}
		entries, data = append(entries, data[2:2+length]), data[2+length:]
	}
	if int64(len(entries)) != count {
		return nil, fmt.Errorf("bundle %d has %d entries, not %d", number, len(entries), count)
	}
	return entries, nil
}

func (r remote) tree(key string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := r.get("checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	// tlog reads the checkpoints of Go's own log, whose first line is fixed.
	_, rest, _ := strings.Cut(opened.Text, "\n")
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

func (r remote) check(key string) (int64, error) {
	tree, err := r.tree(key)
	if err != nil {
		return 0, err
	}
	hashes := tlog.TileHashReader(tree, r)
	for start := int64(0); start < tree.N; start += width {
		entries, err := r.bundle(start/width, min(width, tree.N-start))
		if err != nil {
			return 0, err
		}
		if err := checkBundle(tree, hashes, start, entries); err != nil {
			return 0, err
		}
	}
	return tree.N, nil
}

func checkBundle(tree tlog.Tree, hashes tlog.HashReader, start int64, entries [][]byte) error {
	var indexes []int64
	for at := range entries {
		indexes = append(indexes, tlog.StoredHashIndex(0, start+int64(at)))
	}
	stored, err := hashes.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for at, entry := range entries {
		index, hash := start+int64(at), tlog.RecordHash(entry)
		if stored[at] != hash {
			return fmt.Errorf("entry %d is not the one of its tile", index)
		}
		if index%sample != 0 && index != tree.N-1 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: logcheck URL VERIFIER-KEY")
		os.Exit(2)
	}
	size, err := remote{os.Args[1]}.check(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "logcheck:", err)
		os.Exit(1)
	}
	fmt.Println(size)
}
