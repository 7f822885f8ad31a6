package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"path"
)

//go:embed assets
var embedded embed.FS

// assetsPath is what the URLs of assets begin with.
const assetsPath = "/assets/"

// Asset is one file that pages load.
type Asset struct {
	Type string // its media type
	Body []byte
}

// assets holds all files, and the hash of them all together. The hash is a part of their URLs, so that a browser may keep
// them for good; it is one for all, so that a module can import its neighbour by a relative path.
var assets, assetsHash = readAssets(embedded)

func readAssets(files fs.FS) (map[string]Asset, string) {
	found, sum := map[string]Asset{}, sha256.New()
	err := fs.WalkDir(files, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		short := path.Base(name)
		sum.Write([]byte(short + "\x00"))
		sum.Write(body)
		found[short] = Asset{typeOf(short), body}
		return nil
	})
	if err != nil {
		panic("read embedded assets: " + err.Error()) // they are part of the program
	}
	return found, hex.EncodeToString(sum.Sum(nil))[:16]
}

// typeOf does not leave the media type of what there is to the machine's own tables.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// FindAsset gives an asset by the hash and the name in its URL.
func FindAsset(hash, name string) (Asset, bool) {
	if hash != assetsHash {
		return Asset{}, false
	}
	found, ok := assets[name]
	return found, ok
}

// AssetURL gives the URL of an asset.
func AssetURL(name string) string { return assetsPath + assetsHash + "/" + name }
