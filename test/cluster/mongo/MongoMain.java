import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import org.h2.mvstore.MVStore;

/** Serves MongoDB's wire protocol from one H2 file, so that Girder's data outlive a killed process. */
public class MongoMain {
    private static final int COMMIT_MILLIS = 100;

    public static void main(String[] args) {
        MVStore store = new MVStore.Builder().fileName(args[0]).open();
        // H2's default of one second is what a power cut would lose.
        store.setAutoCommitDelay(COMMIT_MILLIS);
        MongoServer server = new MongoServer(new H2Backend(store));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind(args[1], Integer.parseInt(args[2]));
    }
}
