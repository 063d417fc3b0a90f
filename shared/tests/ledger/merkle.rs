//! Merkle trees against RFC 6962's vectors and against another implementation.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use serde::Deserialize;
use sha2::Sha256;
use shared::hash::Hash;
use shared::merkle::{self, ProofError, Tree, verify_consistency, verify_inclusion};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionVector {
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
    name: String,
}

#[test]
fn inclusion_is_judged_as_in_the_public_vectors() {
    let vectors: Vec<InclusionVector> =
        serde_json::from_str(include_str!("../data/rfc6962-inclusion.json")).unwrap();
    assert_eq!(vectors.len(), 98);
    for vector in vectors {
        let is_accepted = judge(&vector).is_some_and(|verdict| verdict.is_ok());
        assert_eq!(is_accepted, !vector.want_err, "{}", vector.name);
    }
}

/// Nothing where something that should be a hash has another length.
fn judge(vector: &InclusionVector) -> Option<Result<(), ProofError>> {
    let hash = |text: &String| Some(Hash(BASE64.decode(text).ok()?.try_into().ok()?));
    let proof: Option<Vec<Hash>> = vector.proof.iter().flatten().map(hash).collect();
    Some(verify_inclusion(
        &hash(&vector.leaf_hash)?,
        vector.leaf_idx,
        vector.tree_size,
        &proof?,
        &hash(&vector.root)?,
    ))
}

const SIZE_MAX: usize = if cfg!(target_arch = "wasm32") { 33 } else { 70 };

#[test]
fn roots_and_proofs_are_those_of_another_implementation() {
    let mut tree = Tree::default();
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    assert_eq!(tree.root().0, other.root().as_bytes().as_slice());
    for size in 1..=SIZE_MAX {
        tree.push(merkle::leaf_hash(&content(size - 1)));
        other.push(content(size - 1));
        assert_eq!(tree.root().0, other.root().as_bytes().as_slice());
        for index in 0..size {
            let path = tree.inclusion_proof(index, size).unwrap();
            assert_eq!(bytes(&path), other.prove_inclusion(index).as_bytes());
        }
        for old in 1..size {
            let path = tree.consistency_proof(old, size).unwrap();
            assert_eq!(bytes(&path), other.prove_consistency(size - old).as_bytes());
        }
    }
}

#[test]
fn another_implementation_accepts_the_proofs() {
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let tree = tree(SIZE_MAX);
    let mut roots = Vec::new();
    for index in 0..SIZE_MAX {
        other.push(content(index));
        roots.push(other.root());
    }
    let last = roots.last().unwrap();
    for (index, root) in roots.iter().enumerate() {
        let path = bytes(&tree.inclusion_proof(index, SIZE_MAX).unwrap());
        let proof = InclusionProof::<Sha256>::try_from_bytes(path).unwrap();
        last.verify_inclusion(&content(index), index as u64, &proof)
            .unwrap();
        if index + 1 < SIZE_MAX {
            let path = bytes(&tree.consistency_proof(index + 1, SIZE_MAX).unwrap());
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(path).unwrap();
            last.verify_consistency(root, &proof).unwrap();
        }
    }
}

#[test]
fn every_beginning_is_consistent_and_nothing_else_is() {
    let size_max = SIZE_MAX.min(40);
    let tree = tree(size_max);
    let wrong = Hash([9; 32]);
    for new in 1..=size_max {
        let new_root = tree.root_at(new).unwrap();
        for old in 1..=new {
            let old_root = tree.root_at(old).unwrap();
            let path = tree.consistency_proof(old, new).unwrap();
            let verify = |old_root, new_root, path: &[Hash]| {
                verify_consistency(old as u64, new as u64, old_root, new_root, path)
            };
            assert_eq!(
                verify(&old_root, &new_root, &path),
                Ok(()),
                "{old} of {new}"
            );
            assert!(verify(&wrong, &new_root, &path).is_err(), "{old} of {new}");
            assert!(verify(&old_root, &wrong, &path).is_err(), "{old} of {new}");

            let longer: Vec<_> = path.iter().copied().chain([wrong]).collect();
            assert!(verify(&old_root, &new_root, &longer).is_err());
            if let Some((_, shorter)) = path.split_last() {
                assert!(verify(&old_root, &new_root, shorter).is_err());
            }
            for at in 0..path.len() {
                let mut changed = path.clone();
                changed[at] = wrong;
                assert!(verify(&old_root, &new_root, &changed).is_err());
            }
        }
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let tree = tree(5);
    let root = tree.root();
    assert_eq!(tree.consistency_proof(0, 5), None);
    assert_eq!(tree.consistency_proof(6, 5), None);
    assert_eq!(tree.consistency_proof(5, 6), None);
    assert_eq!(tree.inclusion_proof(5, 5), None);
    assert_eq!(tree.inclusion_proof(0, 6), None);
    assert_eq!(tree.root_at(6), None);
    assert_eq!(
        verify_consistency(0, 5, &merkle::empty_root(), &root, &[]),
        Err(ProofError::Sizes { old: 0, new: 5 })
    );
    assert_eq!(
        verify_consistency(6, 5, &root, &root, &[]),
        Err(ProofError::Sizes { old: 6, new: 5 })
    );
    assert_eq!(
        verify_inclusion(&root, 0, 0, &[], &root),
        Err(ProofError::Index { index: 0, size: 0 })
    );
}

#[test]
fn a_tree_that_forgot_leaves_grows_like_a_fresh_one() {
    for size in 0..=20 {
        for kept in 0..=size {
            let mut grown = tree(size);
            grown.truncate(kept);
            assert_eq!(grown.root(), tree(kept).root(), "{size} cut to {kept}");
            for index in kept..20 {
                grown.push(merkle::leaf_hash(&content(index)));
            }
            assert_eq!(grown.root(), tree(20.max(kept)).root());
            assert_eq!(
                grown.inclusion_proof(7, 20),
                tree(20).inclusion_proof(7, 20),
                "{size} cut to {kept}"
            );
        }
    }
}

#[test]
fn a_range_has_the_root_of_a_tree_of_its_leaves() {
    let whole = tree(21);
    for start in 0..21 {
        for end in start + 1..=21 {
            let range = Tree::from_contents((start..end).map(content));
            assert_eq!(
                whole.range(start, end),
                Some(range.root()),
                "{start}..{end}"
            );
        }
    }
    assert_eq!(whole.range(3, 3), None);
    assert_eq!(whole.range(4, 3), None);
    assert_eq!(whole.range(20, 22), None);
}

fn tree(size: usize) -> Tree {
    Tree::from_contents((0..size).map(content))
}

/// Contents of different lengths, the first one empty.
fn content(index: usize) -> Vec<u8> {
    (0..index)
        .map(|at| u8::try_from(at ^ index).unwrap())
        .collect()
}

fn bytes(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| hash.0).collect()
}
