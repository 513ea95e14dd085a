import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the documents with an id in a field, such as the items of a folder, as an index of MongoDB does. The server itself
 * reads the whole collection for such a query, which takes 30 ms for ten thousand items. The index is in memory, and is
 * made again from the collection when the server starts. Calls come one at a time, under the lock of the collection.
 */
final class ReferenceIndex extends Index<Object> {
    private final String field;
    /** By the id in the field: the positions of the documents by their own ids, in the order in which they were added. */
    private final Map<ObjectId, Map<Object, Object>> positions = new HashMap<>();

    /** Uses only the first of the keys: its documents are few, and the server compares all of the query with each. */
    ReferenceIndex(String name, List<IndexKey> keys) {
        // Sparse, because the server else takes a document without the field for a fault when it is removed.
        super(name, keys, true);
        this.field = keys.get(0).getKey();
    }

    @Override
    public boolean canHandle(Document query) {
        return query.get(field) instanceof ObjectId;
    }

    @Override
    public Iterable<Object> getPositions(Document query) {
        return new ArrayList<>(positions.getOrDefault(query.get(field), Map.of()).values());
    }

    @Override
    public void add(Document document, Object position, MongoCollection<Object> collection) {
        for (ObjectId reference : referencesOf(document))
            positions.computeIfAbsent(reference, (key) -> new LinkedHashMap<>()).put(document.get("_id"), position);
    }

    @Override
    public Object remove(Document document) {
        for (ObjectId reference : referencesOf(document))
            positions.computeIfPresent(reference, (key, found) -> {
                found.remove(document.get("_id"));
                return found.isEmpty() ? null : found;
            });
        // The index of the ids says where it was.
        return null;
    }

    @Override
    public void updateInPlace(Document before, Document after, Object position, MongoCollection<Object> collection) {
        if (referencesOf(before).equals(referencesOf(after))) return;
        remove(before);
        add(after, position, collection);
    }

    /** One, or those in a list: a query for a value finds lists that contain it. */
    private List<ObjectId> referencesOf(Document document) {
        Object value = document.get(field);
        if (value instanceof ObjectId) return List.of((ObjectId) value);
        if (!(value instanceof Collection)) return List.of();
        List<ObjectId> found = new ArrayList<>();
        for (Object one : (Collection<?>) value) if (one instanceof ObjectId) found.add((ObjectId) one);
        return found;
    }

    @Override
    public Object getPosition(Document document) {
        return null;
    }

    @Override
    public void checkAdd(Document document, MongoCollection<Object> collection) {}

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<Object> collection) {}

    @Override
    public long getCount() {
        return positions.values().stream().mapToLong(Map::size).sum();
    }

    @Override
    public long getDataSize() {
        return getCount();
    }

    @Override
    public void drop() {
        positions.clear();
    }
}
