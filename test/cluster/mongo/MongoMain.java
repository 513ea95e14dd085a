import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DatabaseResolver;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.oplog.Oplog;
import io.netty.channel.Channel;
import java.util.List;
import org.h2.mvstore.MVStore;

/** Serves MongoDB's wire protocol from one H2 file, so that Girder's data outlive a killed process. */
public class MongoMain {
    private static final int COMMIT_MILLIS = 100;
    private static final int CACHE_MEBIBYTES = 128;

    public static void main(String[] args) {
        MVStore store = new MVStore.Builder().fileName(args[0]).cacheSize(CACHE_MEBIBYTES).open();
        // H2's default of one second is what a power cut would lose.
        store.setAutoCommitDelay(COMMIT_MILLIS);
        MongoServer server = new MongoServer(new IndexedBackend(store));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind(args[1], Integer.parseInt(args[2]));
    }

    private static final class IndexedBackend extends H2Backend {
        IndexedBackend(MVStore store) {
            super(store);
        }

        @Override
        protected MongoDatabase openOrCreateDatabase(String name) {
            return new IndexedDatabase(name, getMvStore(), getCursorRegistry());
        }
    }

    /** The server has only the indexes that keep values unique. */
    private static final class IndexedDatabase extends H2Database {
        private static final String IDS_AND_MORE = "ids and more";
        private static final Document COUNTING =
                new Document("$group", new Document("_id", 1).append("n", new Document("$sum", 1)));

        IndexedDatabase(String name, MVStore store, CursorRegistry cursors) {
            super(name, store, cursors);
        }

        @Override
        protected Index<Object> openOrCreateSecondaryIndex(
                String collection, String name, List<IndexKey> keys, boolean isSparse) {
            return new ReferenceIndex(name, keys);
        }

        /** The index of the ids is used only for queries without other fields. */
        @Override
        protected Index<Object> openOrCreateUniqueIndex(
                String collection, String name, List<IndexKey> keys, boolean isSparse) {
            boolean isOfIds = keys.size() == 1 && keys.get(0).getKey().equals("_id");
            if (isOfIds) resolveOrCreateCollection(collection).addIndex(new ReferenceIndex(IDS_AND_MORE, keys));
            return super.openOrCreateUniqueIndex(collection, name, keys, isSparse);
        }

        /** A collection that is dropped must have no index left; the one beside that of the ids is in no list. */
        @Override
        protected void dropIndex(MongoCollection<Object> collection, String name) {
            super.dropIndex(collection, name);
            List<Index<Object>> left = collection.getIndexes();
            if (left.size() == 1 && left.get(0).getName().equals(IDS_AND_MORE)) collection.dropIndex(IDS_AND_MORE);
        }

        /** Counts with an index, too: drivers count with a pipeline, for which the server reads the whole collection. */
        @Override
        public Document handleCommand(
                Channel channel, String command, Document query, DatabaseResolver databases, Oplog oplog) {
            Document counted = command.equals("aggregate") ? countedBy(query.get("pipeline")) : null;
            if (counted == null) return super.handleCommand(channel, command, query, databases, oplog);
            Object collection = query.get("aggregate");
            Document count = new Document("count", collection).append("query", counted).append("$db", query.get("$db"));
            Number found = (Number) super.handleCommand(channel, "count", count, databases, oplog).get("n");
            List<Document> batch =
                    found.intValue() == 0 ? List.of() : List.of(new Document("_id", 1).append("n", found.intValue()));
            String namespace = getDatabaseName() + "." + collection;
            Document cursor = new Document("id", 0L).append("ns", namespace).append("firstBatch", batch);
            return new Document("cursor", cursor).append("ok", 1.0);
        }

        /** What a pipeline counts, if it does nothing else; null for all others. */
        private static Document countedBy(Object pipeline) {
            List<?> stages = pipeline instanceof List ? (List<?>) pipeline : List.of();
            if (stages.size() != 2 || !COUNTING.equals(stages.get(1))) return null;
            Object query = ((Document) stages.get(0)).get("$match");
            return query instanceof Document ? (Document) query : null;
        }
    }
}
